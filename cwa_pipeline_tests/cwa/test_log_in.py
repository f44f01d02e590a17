"""Logging in to CWA: when, how often, and what a technician is told when it does not work."""

from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from cwa_pipeline.commands.demo.stand_in import Behaviour, Fault, Request, StandIn
from cwa_pipeline.cwa import log_in
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.records import read_clients, read_computers, read_groups
from cwa_pipeline.errors import SettingsError, SourceError, UnreachableError
from cwa_pipeline_tests.cwa.scenario import (
    CREDENTIALS,
    QUICK,
    answer,
    every,
    first_gets,
    gets,
    log_ins,
    reading,
    small_world,
)


def test_one_log_in_serves_all_the_lists() -> None:
    with reading() as (cwa, server):
        cwa.log_in()
        read_clients(cwa)
        read_groups(cwa)
    assert log_ins(server) == 1


def test_a_cookie_of_a_load_balancer_is_sent_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []
    parse = BaseHTTPRequestHandler.parse_request

    def noted(handler: BaseHTTPRequestHandler) -> bool:
        parsed = parse(handler)
        sent.append(handler.headers.get("Cookie"))
        return parsed

    monkeypatch.setattr(BaseHTTPRequestHandler, "parse_request", noted)
    marked = first_gets(1, Fault(status=503, headers={"Set-Cookie": "ARRAffinity=node-2; Path=/"}))
    with reading(behaviour=Behaviour(faults=marked)) as (cwa, _):
        read_clients(cwa)
        read_groups(cwa)
    assert sent == [None, None, "ARRAffinity=node-2", "ARRAffinity=node-2"]


def test_nothing_is_sent_before_the_first_read() -> None:
    with reading() as (_, server):
        pass
    assert server.requests == []


@pytest.mark.parametrize("wrong", [{"username": "someone"}, {"password": SecretStr("wrong")}])
def test_a_wrong_account_is_told_with_the_remedy(wrong: dict) -> None:
    with (
        StandIn(small_world(), credentials=CREDENTIALS) as server,
        CwaClient(server.url, CREDENTIALS.model_copy(update=wrong), retry=QUICK) as cwa,
        pytest.raises(SettingsError, match=r"401 .*CWA_USERNAME and CWA_PASSWORD"),
    ):
        cwa.log_in()
    assert log_ins(server) == 1


def test_an_unknown_client_id_is_named_as_the_likely_reason_of_a_401_on_data() -> None:
    wrong = CREDENTIALS.model_copy(update={"client_id": SecretStr("not-registered")})
    with (
        StandIn(small_world(), credentials=CREDENTIALS) as server,
        CwaClient(server.url, wrong, retry=QUICK) as cwa,
    ):
        cwa.log_in()
        with pytest.raises(SourceError, match=r"does not know the clientId.*CWA_CLIENT_ID.*account rights"):
            read_clients(cwa)


def test_a_token_that_ended_early_is_renewed_once_after_a_401() -> None:
    with reading() as (cwa, server):
        read_clients(cwa)
        server.forget_tokens()
        assert len(read_computers(cwa).frame) == 5
    assert log_ins(server) == 2
    assert gets(server) == ["v1/Clients", "v1/Computers", "v1/Computers"]


def test_a_401_to_a_fresh_token_is_given_up_and_names_rights_and_client_id() -> None:
    with reading() as (cwa, server):
        read_clients(cwa)
        server.behaviour.faults = every("GET", answer({"Message": "denied"}, 401))
        with pytest.raises(SourceError, match=r"fresh token.*rights.*clientId"):
            read_computers(cwa)
    assert log_ins(server) == 2
    assert gets(server) == ["v1/Clients", "v1/Computers", "v1/Computers"]


def test_a_token_is_renewed_shortly_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(log_in, "time", SimpleNamespace(monotonic=lambda: clock.now))
    with reading() as (cwa, server):
        read_clients(cwa)
        clock.now = 3600 - QUICK.token_margin - 5
        read_clients(cwa)
        assert log_ins(server) == 1
        clock.now = 3600 - QUICK.token_margin + 1
        read_clients(cwa)
    assert log_ins(server) == 2
    assert gets(server) == ["v1/Clients"] * 3  # none had to be repeated


@pytest.mark.parametrize("ends", [-18000, 0, 30])
def test_an_end_that_is_past_already_is_a_wrong_clock_and_not_a_log_in_for_each_page(ends: int) -> None:
    expires = (datetime.now(UTC) + timedelta(seconds=ends)).replace(tzinfo=None).isoformat(timespec="seconds")
    with reading(behaviour=Behaviour(page_cap=2)) as (cwa, server):
        server.accept_token("from-a-wrong-clock")
        granted = answer({"AccessToken": "from-a-wrong-clock", "ExpirationDate": expires})
        server.behaviour.faults = every("POST", granted)
        assert len(read_computers(cwa).frame) == 5
    assert log_ins(server) == 1


@pytest.mark.parametrize("date", [{}, {"ExpirationDate": None}, {"ExpirationDate": "in an hour"}])
def test_a_token_without_a_usable_end_is_used_until_a_401(date: dict) -> None:
    with reading() as (cwa, server):
        server.accept_token("endless")
        server.behaviour.faults = every("POST", answer({"AccessToken": "endless", **date}))
        read_clients(cwa)
        read_groups(cwa)
    assert log_ins(server) == 1


def test_two_factor_wanted_is_told_with_the_remedy() -> None:
    one_factor = CREDENTIALS.model_copy(update={"two_factor_passcode": None})
    with (
        StandIn(small_world(), Behaviour(two_factor=True), credentials=CREDENTIALS) as server,
        CwaClient(server.url, one_factor, retry=QUICK) as cwa,
        pytest.raises(SettingsError, match=r'"Integrator".*CWA_TWO_FACTOR_PASSCODE'),
    ):
        cwa.log_in()


def test_two_factor_without_any_access_token_is_told_too() -> None:
    behaviour = Behaviour(faults=every("POST", answer({"IsTwoFactorRequired": True})))
    with reading(behaviour=behaviour) as (cwa, _), pytest.raises(SettingsError, match="Integrator"):
        cwa.log_in()


def test_a_passcode_satisfies_two_factor() -> None:
    with reading(behaviour=Behaviour(two_factor=True)) as (cwa, _):
        assert len(read_clients(cwa).frame) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (Fault(status=503), UnreachableError, "answered 503"),
        (Fault(status=429), UnreachableError, "answered 429"),
        (Fault("reset"), UnreachableError, "broke off"),
        (Fault("cut_json"), UnreachableError, "ends early"),
        (answer({}, 400), SettingsError, "refused with 400"),
        (Fault(status=404), SourceError, "answered 404 .*cwa.url"),
        (Fault(status=200), SourceError, "something other than JSON"),
        (answer([]), SourceError, "JSON, but not the kind expected"),
        (answer({"AccessToken": ""}), SourceError, "no usable AccessToken"),
        (answer({"AccessToken": "a b\r\nX-Evil: 1"}), SourceError, "no usable AccessToken"),
        (answer({"AccessToken": 5}), SourceError, "no usable AccessToken"),
    ],
)
def test_a_log_in_that_fails_is_told_at_once_and_never_tried_again(
    fault: Fault, kind: type[Exception], message: str
) -> None:
    with (
        reading(behaviour=Behaviour(faults=every("POST", fault))) as (cwa, server),
        pytest.raises(kind, match=message) as failure,
    ):
        read_clients(cwa)
    assert str(failure.value).startswith("CWA log-in (http://127.0.0.1:")
    assert [request.method for request in server.requests] == ["POST"]


def test_a_client_id_that_no_header_can_carry_is_told_without_showing_it() -> None:
    broken = CREDENTIALS.model_copy(update={"client_id": SecretStr("0f1e\n2d3c")})
    with pytest.raises(SettingsError, match="CWA_CLIENT_ID") as failure:
        CwaClient("https://automate.example.com", broken)
    assert "0f1e" not in str(failure.value)


def test_blanks_around_the_client_id_do_no_harm() -> None:
    padded = CREDENTIALS.model_copy(update={"client_id": SecretStr(f" {CREDENTIALS.client_id.get_secret_value()}\n")})
    with (
        StandIn(small_world(), credentials=CREDENTIALS) as server,
        CwaClient(server.url, padded, retry=QUICK) as cwa,
    ):
        assert len(read_clients(cwa).frame) == 2


def test_a_log_in_that_fails_after_a_401_is_not_tried_again() -> None:
    with reading() as (cwa, server):
        read_clients(cwa)
        server.forget_tokens()

        def down(request: Request) -> Fault | None:
            return Fault(status=503) if request.method == "POST" else None

        server.behaviour.faults = down
        with pytest.raises(UnreachableError, match="CWA log-in"):
            read_clients(cwa)
    assert log_ins(server) == 2
