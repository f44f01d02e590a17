"""The stand-in behaves as the facts say a CWA server does, seen without our own client."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import requests

from cwa_pipeline.commands.demo.stand_in import Behaviour, Client, Computer, CwaWorld, Fault, Group, StandIn


def world() -> CwaWorld:
    return CwaWorld(
        clients=[Client(2, "Bluebird Café"), Client(1, "Acme Dental", "100")],
        computers=[
            Computer(7, "ACME-1", 1, "SN-7", "", datetime(2026, 1, 7, 20, 16, 34, tzinfo=UTC), "ann"),
            Computer(8, "BLUE-1", 2),
        ],
        groups=[Group(850, "BizCare Basic"), Group(851, "BizCare Plus")],
        memberships={(7, 850), (8, 851)},
    )


@contextmanager
def served(behaviour: Behaviour | None = None) -> Iterator[tuple[StandIn, requests.Session]]:
    """A stand-in, and a session that is logged in to it."""
    with StandIn(world(), behaviour) as server, requests.Session() as session:
        session.trust_env = False
        granted = log_in(server, session).json()
        session.headers["Authorization"] = f"Bearer {granted['AccessToken']}"
        session.headers["clientId"] = server.credentials.client_id.get_secret_value()
        yield server, session


def log_in(server: StandIn, session: requests.Session, password: str | None = None) -> requests.Response:
    right = server.credentials.password.get_secret_value()
    account = {"Username": server.credentials.username, "Password": password or right}
    return session.post(f"{server.url}/cwa/api/v1/apitoken", json=account)


def get(server: StandIn, session: requests.Session, path: str, **query: object) -> requests.Response:
    return session.get(f"{server.url}/cwa/api/{path}", params=query, timeout=20)


def test_a_log_in_gives_a_token_and_an_end_without_a_zone() -> None:
    with StandIn(world()) as server, requests.Session() as session:
        granted = log_in(server, session).json()
        refused = log_in(server, session, password="wrong")
    assert granted["AccessToken"]
    assert datetime.fromisoformat(granted["ExpirationDate"]).tzinfo is None
    assert refused.status_code == 401


def test_without_client_id_the_log_in_works_and_data_is_refused() -> None:
    with served() as (server, session):
        del session.headers["clientId"]
        assert log_in(server, session).status_code == 200
        assert get(server, session, "v1/Clients").status_code == 401


def test_a_token_ends() -> None:
    with served(Behaviour(token_lifetime=0.2)) as (server, session):
        time.sleep(0.25)
        assert get(server, session, "v1/Clients").status_code == 401


def test_records_have_the_shapes_of_the_api() -> None:
    with served() as (server, session):
        computer = get(server, session, "v1/Computers", condition="Id in (7)").json()[0]
        client = get(server, session, "v1/Clients", orderBy="Id asc").json()[0]
        membership = get(server, session, "v1/GroupComputers", condition="GroupId in (850)").json()
    assert computer["Id"] == "7"
    assert computer["Client"] == {"Id": "1", "Name": "Acme Dental"}
    assert computer["RemoteAgentLastContact"] == "2026-01-07T20:16:34"
    assert {"Location", "LoggedInUsers", "BiosManufacturer", "IsVirtualMachine"} <= computer.keys()
    assert (client["Id"], client["ExternalId"]) == ("1", "100")
    assert membership == [{"Id": "7000850", "GroupId": "850", "ComputerId": "7"}]


def test_a_whole_computer_weighs_as_much_as_a_real_one() -> None:
    with served() as (server, session):
        assert 1000 <= len(get(server, session, "v1/Computers", condition="Id in (7)").content) <= 1600


@pytest.mark.parametrize(("ids", "sent"), [("text", ["7", "8"]), ("numbers", [7, 8]), ("mixed", ["7", 8])])
def test_ids_come_in_the_style_ordered(ids: str, sent: list) -> None:
    with served(Behaviour(ids=ids)) as (server, session):
        computers = get(server, session, "v1/Computers", orderBy="Id asc").json()
    assert [computer["Id"] for computer in computers] == sent


def test_pages_conditions_and_fields_are_honoured_and_the_total_counts_all_pages() -> None:
    with served() as (server, session):
        page = get(server, session, "v1/Clients", pageSize=1, page=2, orderBy="Id asc", includeFields="Id,Name")
        beyond = get(server, session, "v1/Clients", pageSize=1, page=3)
        above = get(server, session, "v1/Clients", condition="Id > 1", includeFields="Id")
    assert (page.json(), page.headers["Total-Count"]) == ([{"Id": "2", "Name": "Bluebird Café"}], "2")
    assert beyond.json() == []
    assert (above.json(), above.headers["Total-Count"]) == ([{"Id": "2"}], "1")


def test_without_an_order_rows_come_as_they_are() -> None:
    with served() as (server, session):
        assert [client["Id"] for client in get(server, session, "v1/Clients").json()] == ["2", "1"]


@pytest.mark.parametrize(
    "query", [{"includeFields": "Id,Nonsense"}, {"condition": "Name = 1"}, {"orderBy": "Nonsense"}]
)
def test_an_invalid_field_is_a_400(query: dict) -> None:
    with served() as (server, session):
        refused = get(server, session, "v1/Clients", **query)
    assert refused.status_code == 400
    assert "Invalid" in refused.json()["Message"]


def test_computers_of_a_group_are_there_in_v2_and_by_expand() -> None:
    with served() as (server, session):
        computers = get(server, session, "v2/Groups/850/Computers", includeFields="Id").json()
        unknown = get(server, session, "v2/Groups/1/Computers")
        groups = get(server, session, "v1/Groups", expand="Computers", condition="Id in (850)").json()
        plain = get(server, session, "v1/Groups").json()
    assert computers == [{"Id": "7"}]
    assert unknown.status_code == 404
    assert groups[0]["Computers"] == [{"Id": "7"}]
    assert not any("Computers" in group for group in plain)


def test_a_change_of_the_world_shows_at_once() -> None:
    with served() as (server, session):
        get(server, session, "v1/Computers")
        server.world.computers[0] = Computer(7, "RENAMED", 2)
        assert get(server, session, "v1/Computers", condition="Id in (7)").json()[0]["ComputerName"] == "RENAMED"


def test_every_request_is_recorded() -> None:
    with served() as (server, session):
        get(server, session, "v1/Clients", pageSize=5)
    assert [(request.number, request.method) for request in server.requests] == [(1, "POST"), (2, "GET")]
    assert server.requests[1].path == "/cwa/api/v1/Clients"
    assert server.requests[1].query == {"pagesize": "5"}


def test_a_fault_can_be_ordered_by_number() -> None:
    fault = Fault(status=502)
    with served(Behaviour(faults=lambda request: fault if request.number == 2 else None)) as (server, session):
        answers = [get(server, session, "v1/Clients") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [502, 200]
    assert answers[0].headers["Content-Type"] == "text/html"


def test_a_slow_server_can_be_had() -> None:
    with served(Behaviour(latency=0.2)) as (server, session):
        started = time.monotonic()
        get(server, session, "v1/Clients")
    assert time.monotonic() - started >= 0.2


def test_the_connection_is_kept_between_requests() -> None:
    with served() as (server, session):
        answers = [get(server, session, "v1/Clients", page=page) for page in range(1, 4)]
        assert len(server.connections()) == 1
    assert all(answer.raw.version == 11 for answer in answers)


def test_a_stopped_server_no_longer_answers_on_kept_connections() -> None:
    with served() as (server, session):
        get(server, session, "v1/Clients")
        server.stop()
        with pytest.raises(requests.ConnectionError):
            get(server, session, "v1/Clients")


def test_20_000_computers_are_served_fast() -> None:
    with served() as (server, session):
        server.world.computers = [Computer(number, f"PC-{number}", 1) for number in range(1, 20_001)]
        started = time.monotonic()
        for page in range(1, 21):
            get(server, session, "v1/Computers", pageSize=1000, page=page, orderBy="Id asc")
        first_time = time.monotonic() - started
    assert first_time < 20  # about 1 s on an idle machine
