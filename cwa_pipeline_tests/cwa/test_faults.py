"""What fails on the way is tried again where that can help, and told in one line without a secret where it cannot."""

import dataclasses
import html
import json
import logging
import socket
import ssl
import subprocess
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from cwa_pipeline.commands.demo.stand_in import Behaviour, CwaWorld, Fault, Request, StandIn
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.records import read_clients, read_computers
from cwa_pipeline.errors import IncompleteReadError, PipelineError, SettingsError, SourceError, UnreachableError
from cwa_pipeline_tests.cwa.scenario import (
    CREDENTIALS,
    QUICK,
    answer,
    every,
    first_gets,
    gets,
    log_ins,
    reading,
)
from cwa_pipeline_tests.servers import free_port

PASSING = [
    *(Fault(status=status) for status in (429, 500, 502, 503, 504)),
    Fault("reset"),
    Fault("cut"),
    Fault("cut_json"),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.action}-{fault.status}")
def test_a_passing_fault_of_a_get_is_tried_again_and_each_try_is_logged(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    with reading(behaviour=Behaviour(faults=first_gets(QUICK.tries - 1, fault))) as (cwa, server):
        assert read_computers(cwa).frame["computer_id"].tolist() == [11, 12, 13, 14, 15]
    assert len(gets(server)) == QUICK.tries
    assert log_ins(server) == 1
    logged = [record for record in caplog.records if "of 4 failed" in record.message]
    assert [record.levelno for record in logged] == [logging.WARNING] * (QUICK.tries - 1)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.action}-{fault.status}")
def test_a_fault_that_stays_is_given_up_after_the_last_try(fault: Fault) -> None:
    with (
        reading(behaviour=Behaviour(faults=every("GET", fault))) as (cwa, server),
        pytest.raises(UnreachableError, match=r"CWA list of clients, page 1 .*gave up after 4 tries"),
    ):
        read_clients(cwa)
    assert len(gets(server)) == QUICK.tries


def test_a_server_that_hangs_is_tried_again() -> None:
    faults = first_gets(1, Fault("hang"))
    with reading(behaviour=Behaviour(faults=faults), retry=dataclasses.replace(QUICK, read_timeout=1)) as (cwa, _):
        assert len(read_clients(cwa).frame) == 2


def test_a_server_that_keeps_hanging_is_unreachable() -> None:
    retry = dataclasses.replace(QUICK, read_timeout=0.2, tries=2)
    with (
        reading(behaviour=Behaviour(faults=every("GET", Fault("hang"))), retry=retry) as (cwa, _),
        pytest.raises(UnreachableError, match=r"no answer within 0\.2 s; gave up after 2 tries"),
    ):
        read_clients(cwa)


def in_an_hour() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize("retry_after", ["3600", "date"])
def test_retry_after_is_honoured_up_to_a_cap(retry_after: str) -> None:
    wait = in_an_hour() if retry_after == "date" else retry_after
    fault = Fault(status=429, headers={"Retry-After": wait})
    with reading(behaviour=Behaviour(faults=first_gets(1, fault))) as (cwa, server):
        read_clients(cwa)
    first, second = (request.time for request in server.requests if request.method == "GET")
    assert QUICK.longest_retry_after <= second - first < 10


def test_a_retry_after_below_the_cap_is_waited_for() -> None:
    retry = dataclasses.replace(QUICK, longest_retry_after=60)
    fault = Fault(status=503, headers={"Retry-After": "1"})
    with reading(behaviour=Behaviour(faults=first_gets(1, fault)), retry=retry) as (cwa, server):
        read_clients(cwa)
    first, second = (request.time for request in server.requests if request.method == "GET")
    assert 1 <= second - first < 10


def test_a_retry_after_that_makes_no_sense_asks_for_nothing() -> None:
    fault = Fault(status=503, headers={"Retry-After": "soon"})
    with reading(behaviour=Behaviour(faults=first_gets(1, fault))) as (cwa, _):
        assert len(read_clients(cwa).frame) == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(status=200), "something other than JSON .*Something went wrong.*cwa.url"),
        (Fault(status=200, content_type="application/json"), "something other than JSON"),
        (answer({"Message": "no list"}), "JSON, but not the kind expected .*array"),
        (answer({"Message": "No rights"}, 403), r"answered 403 .*No rights.*right to read"),
        (answer({"Message": "None"}, 404), "answered 404.*cwa.url"),
        (answer({"Message": "Bad"}, 418), "answered 418.*Bad"),
        (
            Fault(status=302, headers={"Location": "https://a:b@sso.example.com/in?user=x"}),
            "to https://sso.example.com/in;",
        ),
        (Fault(status=302, headers={"Location": "/in?user=x"}), "redirects to /in;"),
    ],
)
def test_an_answer_that_no_second_try_mends_is_told_at_once(fault: Fault, message: str) -> None:
    with (
        reading(behaviour=Behaviour(faults=every("GET", fault))) as (cwa, server),
        pytest.raises(SourceError, match=message) as failure,
    ):
        read_clients(cwa)
    assert not isinstance(failure.value, IncompleteReadError)
    assert "CWA list of clients, page 1" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert len(gets(server)) == 1


def test_a_redirect_is_not_followed_so_the_token_does_not_travel() -> None:
    with StandIn(CwaWorld()) as elsewhere:
        fault = Fault(status=307, headers={"Location": f"{elsewhere.url}/cwa/api/v1/Clients"})
        for method in ("GET", "POST"):
            with (
                reading(behaviour=Behaviour(faults=every(method, fault))) as (cwa, _),
                pytest.raises(SourceError, match=r"redirects to http://127\.0\.0\.1/cwa"),
            ):
                read_clients(cwa)
        assert elsewhere.requests == []


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with (
        CwaClient(f"http://127.0.0.1:{free_port()}", CREDENTIALS, retry=QUICK) as cwa,
        pytest.raises(UnreachableError, match=r"CWA log-in .*refused.*cwa\.url"),
    ):
        cwa.log_in()


def test_a_name_that_is_not_in_dns_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    with (
        CwaClient("https://automate.example.invalid", CREDENTIALS, retry=QUICK) as cwa,
        pytest.raises(UnreachableError, match="cannot be found in DNS"),
    ):
        cwa.log_in()


def test_a_certificate_that_is_not_trusted_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", *new_key, *files, "-subj", "/CN=127.0.0.1"], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}"
        with CwaClient(url, CREDENTIALS, retry=QUICK) as cwa, pytest.raises(SourceError, match="TLS") as failure:
            cwa.log_in()
        server.shutdown()
    assert "is not trusted (self-signed certificate)" in str(failure.value)
    assert "REQUESTS_CA_BUNDLE" in str(failure.value)


def test_a_wrong_bundle_of_certificates_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    with (
        CwaClient("https://127.0.0.1:9", CREDENTIALS, retry=QUICK) as cwa,
        pytest.raises(SettingsError, match="REQUESTS_CA_BUNDLE"),
    ):
        cwa.log_in()


TOKEN = "token-from-the-server"


def spellings(secret: str) -> set[str]:
    """How a secret looks when it is echoed."""
    return {secret, secret.upper(), json.dumps(secret)[1:-1], html.escape(secret), quote(secret)}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500, 503])
def test_no_secret_shows_even_when_the_server_echoes_it(
    method: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    passcode = CREDENTIALS.two_factor_passcode
    assert passcode
    secrets = [CREDENTIALS.username, TOKEN, passcode.get_secret_value()]
    secrets += [CREDENTIALS.password.get_secret_value(), CREDENTIALS.client_id.get_secret_value()]
    every_spelling = {spelling for secret in secrets for spelling in spellings(secret)}

    def echo(request: Request) -> Fault | None:
        if request.method == method:
            return Fault(status=status, body=f"\x1b[31mfailed\r\n{' '.join(sorted(every_spelling))}{'!' * 5000}")
        return answer({"AccessToken": TOKEN})

    caplog.set_level(logging.DEBUG)
    with reading(behaviour=Behaviour(faults=echo)) as (cwa, _), pytest.raises(PipelineError) as failure:
        read_clients(cwa)
    # The token is not known before a log-in has worked.
    known = every_spelling - (spellings(TOKEN) if method == "POST" else set())
    shown = [
        str(failure.value),
        repr(failure.value),
        caplog.text,
        repr(cwa),
        *traceback.format_exception(failure.value),
    ]
    assert not [spelling for spelling in known for text in shown if spelling.casefold() in text.casefold()]
    assert str(failure.value).isprintable()
    assert len(str(failure.value)) < 600


def test_waiting_grows_between_tries() -> None:
    retry = dataclasses.replace(QUICK, first_pause=0.05, longest_pause=1)
    started = time.monotonic()
    with reading(behaviour=Behaviour(faults=first_gets(3, Fault(status=500))), retry=retry) as (cwa, _):
        read_clients(cwa)
    assert time.monotonic() - started >= 0.05 + 0.1 + 0.2
