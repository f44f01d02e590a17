"""The CWA client reads what CWA holds: values, types, and any world whatever the server's habits."""

import dataclasses
import json
from datetime import UTC, datetime

import msgspec
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cwa_pipeline.commands.demo.stand_in import Behaviour, Client, Computer, CwaWorld, Group, StandIn
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.members import read_group_members
from cwa_pipeline.cwa.records import COMPUTERS as COLUMNS
from cwa_pipeline.cwa.records import paged_list, read_clients, read_computers, read_groups
from cwa_pipeline.errors import SourceError
from cwa_pipeline_tests.cwa.scenario import CREDENTIALS, QUICK, answer, gets, pages, reading, small_world

CLIENTS = {"client_id": "int64", "name": "str", "external_id": "str"}
COMPUTERS = {
    "computer_id": "int64",
    "name": "str",
    "client_id": "Int64",
    "serial_number": "str",
    "asset_tag": "str",
    "last_contact": "datetime64[us, UTC]",
    "last_user": "str",
    "make": "str",
}
DECODE = paged_list("v1/Computers", "computers", COLUMNS).decode
GROUPS = {"cwa_group_id": "int64", "name": "str"}
MEMBERS = {"computer_id": "int64", "cwa_group_id": "int64"}


def table(rows: list[tuple], dtypes: dict[str, str]) -> pd.DataFrame:
    """The frame these rows ought to become."""
    return pd.DataFrame(
        {name: pd.Series([row[i] for row in rows], dtype=dtype) for i, (name, dtype) in enumerate(dtypes.items())}
    )


def as_text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def expected_clients(world: CwaWorld) -> pd.DataFrame:
    ordered = sorted(world.clients, key=lambda client: client.id)
    return table([(client.id, client.name, as_text(client.external_id)) for client in ordered], CLIENTS)


def expected_computers(world: CwaWorld) -> pd.DataFrame:
    rows = [
        (c.id, c.name, c.client_id, as_text(c.serial_number), as_text(c.asset_tag), c.last_contact, c.last_user, c.make)
        for c in sorted(world.computers, key=lambda computer: computer.id)
    ]
    return table(rows, COMPUTERS)


def test_clients_computers_groups_and_members_are_read_as_they_are() -> None:
    world = small_world()
    with reading(world) as (cwa, _):
        pd.testing.assert_frame_equal(read_clients(cwa).frame, expected_clients(world))
        pd.testing.assert_frame_equal(read_computers(cwa).frame, expected_computers(world))
        groups = [(850, "BizCare Basic"), (851, "BizCare Plus"), (900, "Patch Tuesday")]
        pd.testing.assert_frame_equal(read_groups(cwa).frame, table(groups, GROUPS))
        members = [(11, 850), (11, 851), (12, 850), (13, 851)]
        pd.testing.assert_frame_equal(read_group_members(cwa, [850, 851]).frame, table(members, MEMBERS))


def test_an_empty_server_gives_empty_typed_tables() -> None:
    with reading(CwaWorld()) as (cwa, _):
        pd.testing.assert_frame_equal(read_clients(cwa).frame, table([], CLIENTS))
        pd.testing.assert_frame_equal(read_computers(cwa).frame, table([], COMPUTERS))
        pd.testing.assert_frame_equal(read_groups(cwa).frame, table([], GROUPS))


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEXTS_OR_NUMBERS = TEXTS | st.integers(0, 10**12) | st.sampled_from(["", "0", 0, "None", " 100 "])
IDS = st.integers(1, 200)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))


@st.composite
def worlds(draw: st.DrawFn) -> CwaWorld:
    client_ids = draw(st.lists(IDS, unique=True, max_size=8))
    computer_ids = draw(st.lists(IDS, unique=True, max_size=45))
    group_ids = draw(st.lists(IDS, unique=True, max_size=7))
    pairs = [(computer, group) for computer in computer_ids for group in group_ids]
    return CwaWorld(
        clients=[Client(number, draw(TEXTS), draw(TEXTS_OR_NUMBERS)) for number in client_ids],
        computers=[
            Computer(
                number,
                draw(TEXTS),
                draw(st.none() | IDS),
                draw(TEXTS_OR_NUMBERS),
                draw(TEXTS_OR_NUMBERS),
                draw(st.none() | TIMES),
                draw(TEXTS),
            )
            for number in computer_ids
        ],
        groups=[Group(number, draw(TEXTS)) for number in group_ids],
        memberships=draw(st.sets(st.sampled_from(pairs), max_size=60)) if pairs else set(),
    )


BEHAVIOURS = st.builds(
    Behaviour,
    page_cap=st.none() | st.integers(2, 40),
    total_count=st.booleans(),
    ids=st.sampled_from(["text", "numbers", "mixed"]),
    membership_ids=st.booleans(),
    include_fields=st.sampled_from(["honoured", "ignored", "refused"]),
    ignore_condition=st.booleans(),
    membership=st.sampled_from(
        [frozenset({"GroupComputers", "v2", "expand"}), frozenset({"v2", "expand"}), frozenset({"expand"})]
    ),
    no_such_endpoint=st.sampled_from([403, 404, 405]),
    overlap=st.integers(0, 3),
)


@given(world=worlds(), behaviour=BEHAVIOURS, data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_world_is_read_exactly_whatever_the_habits_of_the_server(
    world: CwaWorld, behaviour: Behaviour, data: st.DataObject
) -> None:
    known_groups = sorted(group.id for group in world.groups)
    wanted = data.draw(st.sets(st.sampled_from(known_groups))) if known_groups else set()
    with reading(world, behaviour) as (cwa, _):
        pd.testing.assert_frame_equal(read_clients(cwa).frame, expected_clients(world))
        pd.testing.assert_frame_equal(read_computers(cwa).frame, expected_computers(world))
        groups = sorted((group.id, group.name) for group in world.groups)
        pd.testing.assert_frame_equal(read_groups(cwa).frame, table(groups, GROUPS))
        members = sorted(pair for pair in world.memberships if pair[1] in wanted)
        pd.testing.assert_frame_equal(read_group_members(cwa, wanted).frame, table(members, MEMBERS))
        for found in (read_clients(cwa), read_computers(cwa), read_groups(cwa), read_group_members(cwa, wanted)):
            assert found.counted == len(found.frame)


def test_only_the_wanted_fields_are_asked_for() -> None:
    with reading() as (cwa, server):
        read_computers(cwa)
    asked = server.requests[-1].query
    assert asked["includefields"].startswith("Id,ComputerName,Client,")
    assert asked["orderby"] == "Id asc"
    assert asked["pagesize"] == "1000"


def test_a_server_that_refuses_include_fields_is_read_without_it() -> None:
    with reading(behaviour=Behaviour(include_fields="refused")) as (cwa, server):
        assert len(read_clients(cwa).frame) == 2
    assert gets(server) == ["v1/Clients", "v1/Clients"]
    assert "includefields" not in server.requests[-1].query


@pytest.mark.parametrize("under", ["", "/some%20where/"])
def test_a_request_arrives_as_it_was_written(under: str) -> None:
    condition = "Name like '%Büro & Söhne+Co #1 (alt)%' and Id in (1,2); a=b?/\\\"~"
    everything = Behaviour(faults=lambda request: answer([] if request.method == "GET" else {"AccessToken": "x"}))
    with (
        StandIn(small_world(), everything, credentials=CREDENTIALS) as server,
        CwaClient(f"{server.url}{under}", CREDENTIALS, retry=QUICK) as cwa,
    ):
        cwa.get("a list", "v1/Clients", {"condition": condition, "page": "7"}, bytes)
    request = server.requests[-1]
    assert request.path == f"{under.rstrip('/')}/cwa/api/v1/Clients"
    assert request.query == {"condition": condition, "page": "7"}


def test_a_field_that_include_fields_loses_is_read_without_it() -> None:
    world = small_world()
    behaviour = Behaviour()
    with reading(world, behaviour) as (cwa, _):
        short = [{"Id": "1", "Name": "Acme Dental"}, {"Id": "2", "Name": "Bluebird Café"}]
        ordered = pages(short).faults
        assert ordered
        behaviour.faults = lambda request: ordered(request) if "includefields" in request.query else None
        pd.testing.assert_frame_equal(read_clients(cwa).frame, expected_clients(world))


def test_a_text_sent_as_a_number_becomes_its_digits() -> None:
    sent = [{"Id": 1, "Name": 404, "ExternalId": 100}, {"Id": 2, "ExternalId": 1.50}, {"Id": 3, "ExternalId": ""}]
    with reading(behaviour=pages(sent)) as (cwa, _):
        clients = read_clients(cwa).frame
    expected = table([(1, "404", "100"), (2, None, "1.5"), (3, None, "")], CLIENTS)
    pd.testing.assert_frame_equal(clients, expected)


@pytest.mark.parametrize("client", [None, {}, {"Id": None}, {"Id": 0}, {"Id": "0"}, {"Id": ""}])
def test_a_computer_without_a_client_has_a_null_client_id(client: object) -> None:
    with reading(behaviour=pages([{"Id": "5", "Client": client}])) as (cwa, _):
        assert read_computers(cwa).frame["client_id"].isna().all()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2026-01-07T20:16:34", "2026-01-07T20:16:34Z"),
        ("2026-01-07T20:16:34.1234567", "2026-01-07T20:16:34.123456Z"),
        ("2026-01-07T20:16:34Z", "2026-01-07T20:16:34Z"),
        ("2026-01-07T20:16:34-05:00", "2026-01-08T01:16:34Z"),
        ("1999-12-31T23:59:59", None),
        ("0001-01-01T00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_without_a_zone_is_utc_and_null_or_very_old_is_never(sent: str | None, read: str | None) -> None:
    with reading(behaviour=pages([{"Id": "5", "RemoteAgentLastContact": sent}])) as (cwa, _):
        contact = read_computers(cwa).frame["last_contact"]
    assert contact.dtype == "datetime64[us, UTC]"
    assert contact.isna().all() if read is None else contact.iloc[0] == pd.Timestamp(read)


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({"Name": "no id"}, "record 1: Id is missing"),
        ({"Id": "abc"}, "record 1: Id is not a whole number above 0"),
        ({"Id": 0}, "Id is not a whole number above 0"),
        ({"Id": -4}, "Id is not a whole number above 0"),
        ({"Id": True}, "Id is not a whole number above 0"),
        ({"Id": 1.0}, "Id is not a whole number above 0"),
        ({"Id": "１２"}, "Id is not a whole number above 0"),
        ({"Id": str(2**63)}, "Id is not a whole number above 0"),
        ({"Id": ["1"]}, "Id is not a whole number above 0"),
        ({"Id": "7", "Client": {"Id": "Acme"}}, r"record 1 \(Id 7\): Client.Id is not a whole number"),
        ({"Id": "7", "Client": {"Id": False}}, "not a whole number"),
        ({"Id": "7", "Client": "Acme"}, "Client is a str, not a record"),
        ({"Id": "7", "SerialNumber": ["A"]}, "SerialNumber is a list, not text"),
        ({"Id": "7", "AssetTag": {"a": 1}}, "AssetTag is a dict, not text"),
        ({"Id": "7", "ComputerName": True}, "ComputerName is a bool, not text"),
        ({"Id": "7", "ComputerName": "\ud800"}, "ComputerName holds half a Unicode character"),
        ({"Id": "7", "RemoteAgentLastContact": "1/7/2026 8:16 PM"}, "RemoteAgentLastContact is not a date"),
        ({"Id": "7", "RemoteAgentLastContact": 20260107}, "RemoteAgentLastContact is not a date"),
        ({"Id": "7", "RemoteAgentLastContact": "9999-12-31T23:59:59-05:00"}, "RemoteAgentLastContact is not a date"),
        ("a text", "record 1: Expected `object`, got `str`"),
        (None, "record 1: Expected `object`, got `null`"),
    ],
)
def test_a_record_that_cannot_be_understood_fails_the_read_and_is_named(record: object, complaint: str) -> None:
    with (
        reading(behaviour=pages([record])) as (cwa, _),
        pytest.raises(SourceError, match=complaint) as failure,
    ):
        read_computers(cwa)
    assert str(failure.value).startswith("CWA list of computers, page 1, record 1")
    assert "correct it in CWA" in str(failure.value)


def test_a_wrong_value_is_not_quoted_as_it_may_be_personal() -> None:
    with (
        reading(behaviour=pages([{"Id": "7", "RemoteAgentLastContact": "Jane Doe"}])) as (cwa, _),
        pytest.raises(SourceError) as failure,
    ):
        read_computers(cwa)
    assert "Jane" not in str(failure.value)


def test_an_http_address_is_never_sent_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with reading(retry=dataclasses.replace(QUICK, tries=1)) as (cwa, _):
        assert len(read_clients(cwa).frame) == 2


DEEP = b'[{"Other": ' + b"[" * 100_000


@pytest.mark.parametrize("body", [b"[{]", b"", b'[{"Id": 1}', b'[{"Id": "\xff"}]', DEEP], ids=lambda body: body[:20])
def test_a_damaged_page_is_told_apart_from_one_that_is_no_list(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)) as failure:
        DECODE(body)
    assert not isinstance(failure.value, msgspec.ValidationError)


@pytest.mark.parametrize("body", [b"{}", b"null", b'"text"', b"7"])
def test_json_that_is_no_list_is_told_apart_from_a_damaged_page(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="Expected `array`"):
        DECODE(body)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert DECODE(b'\xef\xbb\xbf[{"Id": "1"}]').keys == [1]


VALUES = ["", "0", " 7 ", "7", 7, 2**63, 1.5, [], {}, {"Id": []}, "0000-00-00 00:00:00", "2026-01-07T24:00:00"]
ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(VALUES)
)
RECORDS = st.fixed_dictionaries(
    {"Id": st.integers(1, 9) | ANYTHING},
    optional={column.field.partition(".")[0]: ANYTHING for column in COLUMNS.values() if column.field != "Id"},
)


@given(st.lists(RECORDS | ANYTHING, max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_page_becomes_typed_columns_or_names_what_is_wrong(records: list) -> None:
    complaint = ""
    try:
        page = DECODE(json.dumps(records).encode())
    except ValueError as error:
        complaint = str(error)
    if complaint:
        assert complaint.startswith("record ")
        assert complaint.isprintable()
    else:
        assert len(page.keys) == page.columns.num_rows == len(records)
        assert page.columns.schema == DECODE(b"[]").columns.schema
