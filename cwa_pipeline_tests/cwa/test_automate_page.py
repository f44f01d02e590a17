"""The fast way from a page's bytes to columns gives the same rows, and the same words for a wrong record, as record after record."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pandas as pd
import pytest
from cwa_pipeline.cwa.automate import CLIENTS, COMPUTERS
from cwa_pipeline.cwa.counts import ids_of
from cwa_pipeline.cwa.http import AutomateHttp, Patience, Response, Trouble
from cwa_pipeline.cwa.kinds import ID, MAYBE_ID
from cwa_pipeline.cwa.listing import Listing, Value, frame_of
from cwa_pipeline.cwa.page import PageDecoder, PageOfColumns
from cwa_pipeline.cwa.rows import arrays_of, new_columns
from cwa_pipeline.cwa.seen import SeenIds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from cwa_pipeline.errors import SourceError

MEMBERSHIPS = Listing(
    "v1/GroupComputers",
    "group members",
    {"computer_id": Value(ID, "ComputerId"), "cwa_group_id": Value(ID, "GroupId")},
    key=Value(MAYBE_ID, "Id"),
)
LISTINGS = [COMPUTERS, CLIENTS, MEMBERSHIPS, ids_of(COMPUTERS)]

Fields = list[tuple[str, Any]]  # of a record as sent: a name may come twice


def sent(page: list[Any], ascii_only: bool = True) -> bytes:
    """The bytes of a page."""
    return f"[{','.join(_sent(record, ascii_only) for record in page)}]".encode("utf-8", "surrogatepass")


def _sent(record: Any, ascii_only: bool) -> str:
    if not isinstance(record, list):
        return json.dumps(record)
    return (
        f"{{{','.join(f'{json.dumps(name)}:{json.dumps(value, ensure_ascii=ascii_only)}' for name, value in record)}}}"
    )


DAMAGED = "damaged"
Outcome = pd.DataFrame | str


def one_by_one(bodies: Iterable[bytes], listing: Listing) -> Outcome:
    """What the bodies mean, told as plainly as it can be."""
    rows: dict[Any, tuple] = {}
    for body in bodies:
        try:
            records = json.loads(body, parse_float=str)
        except ValueError:
            return DAMAGED
        for number, record in enumerate(records, 1):
            try:
                if not isinstance(record, dict):
                    raise ValueError(f"it is a {type(record).__name__}, not a record")
                own_id, [row] = listing.take(record)
            except ValueError as error:
                return f"record {number}: {error}"
            rows.setdefault(own_id, row)
    dtypes = [value.kind.dtype for value in listing.columns.values()]
    columns = zip(*rows.values(), strict=True) if rows else ([] for _ in dtypes)
    arrays = [pd.Series(list(column), dtype=dtype) for column, dtype in zip(columns, dtypes, strict=True)]
    return pd.DataFrame(dict(zip(listing.columns, arrays, strict=True)))


def as_the_client_does(bodies: Iterable[bytes], listing: Listing) -> Outcome:
    """The pages decoded and put together as a read does it."""
    decoder, seen, read = PageDecoder(listing), SeenIds(), [arrays_of([], listing)]
    for body in bodies:
        try:
            page = decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # then it is read with `json`
            try:
                page = json.loads(body, parse_float=str)
            except ValueError:
                return DAMAGED
        try:
            read.append(new_columns(page, listing, seen, "page"))
        except SourceError as error:
            number, _, complaint = str(error).removeprefix("page, record ").partition(": ")
            return f"record {number.split(' ')[0]}: {complaint.removesuffix('; correct it in CWA, or ask the vendor')}"
    frame = frame_of(listing.columns, read)
    assert len(frame) == len(seen)
    return frame


ODD_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([1.0, 1.5, 1e300, 10**25, 2**63 - 1, 2**63, [], {}, ["1"]])
)
ID_TEXTS = st.sampled_from(
    ["", "0", "00", " 7 ", "7\n", "+7", "-7", "0x1F", "1_000", "７", "0" * 18 + "7", "0" * 19 + "7", str(2**63)]
) | st.integers(1, 2**64).map(str)
TIMES = (
    st.datetimes().map(lambda time: time.isoformat())
    | st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat())
    | st.sampled_from(
        [
            *("", "0", "0000-00-00 00:00:00", "0000-02-30T00:00:00", "0001-01-01T00:00:00", "1999-12-31T23:59:59"),
            *("2000-01-01T00:00:00", "2026-02-30T00:00:00", "2026-01-07 20:16:34", "2026-01-07x20:16:34"),
            *("2026-01-07T20:16:60", "2026-01-07T24:00:00", "2026-01-07T20:16+05", "2026-W01-1T10:00:00"),
            *("20260107T201634.123", "2026-01-07T20:16:34.1234567", "2026-01-07T20:16:34.12345678901Z"),
            *("9999-12-31T23:59:59", "9999-12-31T23:59:59-05:00", "２０２６-01-07T20:16:34", "1/7/2026 8:16 PM"),
        ]
    )
)
ODD_TEXTS = st.text(max_size=4) | st.text(st.characters(), max_size=4)  # the latter with halves of Unicode characters
ODD = ODD_VALUES | ID_TEXTS | TIMES | ODD_TEXTS | st.fixed_dictionaries({"Id": ODD_VALUES | ID_TEXTS})

USUAL_ID = st.integers(1, 40) | st.integers(1, 40).map(str) | st.integers(1, 2**63 - 1).map(str)
USUAL_TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=4) | st.integers(0, 10**12)
USUAL_TIME = st.none() | st.datetimes().map(lambda time: time.isoformat(timespec="seconds"))
USUAL: dict[str, st.SearchStrategy] = {
    **dict.fromkeys(["Id", "ComputerId", "GroupId"], USUAL_ID),
    "Client": st.none()
    | st.fixed_dictionaries({}, optional={"Id": USUAL_ID | st.sampled_from([None, "", "0", 0]), "Name": USUAL_TEXT}),
    "RemoteAgentLastContact": USUAL_TIME,
}


@st.composite
def records(draw: st.DrawFn, fields: tuple[str, ...]) -> Fields:
    """A record with nothing wrong in it."""
    return [(field, draw(USUAL.get(field, USUAL_TEXT))) for field in [*fields, "Other"]]


@st.composite
def pages(draw: st.DrawFn, fields: tuple[str, ...]) -> list[Any]:
    """A page, usual at first; then up to two things may be wrong with it."""
    page: list[Any] = draw(st.lists(records(fields), max_size=6))
    if draw(st.booleans()):
        page.sort(key=lambda record: int(dict(record)["Id"] if "Id" in fields else 1))
    for _ in range(draw(st.integers(0, 2)) if page else 0):
        at = draw(st.integers(0, len(page) - 1))
        if not isinstance(page[at], list) or not page[at]:
            continue
        match draw(st.sampled_from(["odd value", "odd value", "no field", "field twice", "no record"])):
            case "odd value":
                field = draw(st.integers(0, len(page[at]) - 1))
                # Only what is looked at may be half a character: in the rest the fast way does not look for one.
                odd = ODD if page[at][field][0] != "Other" else ODD_VALUES
                page[at][field] = (page[at][field][0], draw(odd))
            case "no field":
                del page[at][draw(st.integers(0, len(page[at]) - 1))]
            case "field twice":
                page[at].append((draw(st.sampled_from(fields)), draw(ODD)))
            case "no record":
                page[at] = draw(st.sampled_from([None, True, 7, 1.5, "a text", {}]))
    return page


@st.composite
def reads(draw: st.DrawFn) -> tuple[Listing, list[bytes]]:
    listing = draw(st.sampled_from(LISTINGS))
    ascii_only = draw(st.booleans())
    return listing, [sent(page, ascii_only) for page in draw(st.lists(pages(listing.fields), min_size=1, max_size=3))]


@given(reads())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_pages_give_the_rows_or_the_complaint_that_one_record_after_another_gives(
    read: tuple[Listing, list[bytes]],
) -> None:
    listing, bodies = read
    expected, found = one_by_one(bodies, listing), as_the_client_does(bodies, listing)
    if isinstance(expected, str) or isinstance(found, str):
        assert isinstance(found, str)
        assert found == expected
    else:
        pd.testing.assert_frame_equal(found, expected)


@st.composite
def usual_reads(draw: st.DrawFn) -> tuple[Listing, bytes]:
    listing = draw(st.sampled_from(LISTINGS))
    return listing, sent(draw(st.lists(records(listing.fields), max_size=4)), draw(st.booleans()))


@given(usual_reads())
@settings(deadline=None)
def test_a_page_without_anything_wrong_comes_as_columns(read: tuple[Listing, bytes]) -> None:
    listing, body = read
    assert isinstance(PageDecoder(listing).decode(body), PageOfColumns)


@pytest.mark.parametrize(
    "contact", ["", None, "1899-12-30T00:00:00", "2026-01-07T20:16:34Z", "2026-01-07T20:16:34.1234567"]
)
def test_a_time_unlike_the_others_does_not_keep_a_page_from_coming_as_columns(contact: str | None) -> None:
    page = [{"Id": "1", "RemoteAgentLastContact": "2026-01-07T20:16:34"}, {"Id": 2, "RemoteAgentLastContact": contact}]
    assert isinstance(PageDecoder(COMPUTERS).decode(json.dumps(page).encode()), PageOfColumns)


def test_a_field_that_may_be_missing_in_all_records_is_looked_for_record_by_record() -> None:
    body = b'[{"Id": "1", "Name": "Acme"}, {"Id": "2", "Name": null}]'
    assert isinstance(PageDecoder(CLIENTS).decode(body), PageOfColumns)
    page = PageDecoder(CLIENTS, shows_fields=True).decode(body)
    assert page == [{"Id": "1", "Name": "Acme"}, {"Id": "2", "Name": None}]
    shown = b'[{"Id": "1", "Name": "Acme"}, {"Id": "2", "ExternalId": "100"}]'
    assert isinstance(PageDecoder(CLIENTS, shows_fields=True).decode(shown), PageOfColumns)


@pytest.mark.parametrize(
    "body", [b"[1]", b"{}", b"[{]", b"<html>", b"", b'[{"Id": NaN}]', b"\xef\xbb\xbf[]", b'[{"Id": "\xff"}]']
)
def test_what_is_no_page_of_records_is_left_to_json(body: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        PageDecoder(CLIENTS).decode(body)


@pytest.mark.parametrize("place", ["Id", "Name"])
def test_an_answer_that_is_no_utf_8_is_damaged_and_asked_for_again(place: str) -> None:
    http = AutomateHttp("https://automate.example.com", SecretStr("id"), [], Patience(), 1)
    answer = Response(200, {"Content-Type": "application/json"}, b'[{"%s": "Caf\xe9"}]' % place.encode(), "utf-8")
    decoded = http.decoded("place", answer, PageDecoder(CLIENTS))
    assert decoded == Trouble("the JSON of the answer ends early or is damaged")


@given(st.lists(st.lists(st.integers(1, 30) | st.tuples(st.integers(1, 2), st.integers(1, 2)), max_size=6), max_size=4))
def test_an_id_is_new_once(pages_of_ids: list[list[Any]]) -> None:
    seen, known = SeenIds(), set[Any]()
    for ids in pages_of_ids:
        for page in (sorted(ids) if all(isinstance(one, int) for one in ids) else ids, ids):
            expected = []
            for one in page:
                expected.append(one not in known)
                known.add(one)
            assert seen.note(page).tolist() == expected
            assert len(seen) == len(known)
