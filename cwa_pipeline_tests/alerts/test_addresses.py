"""A message goes to each address, and each result is reported: in time, and without the password."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from pydantic import SecretStr

from cwa_pipeline.alerts.addresses import Outcome, addresses, send, understood
from cwa_pipeline.config.environment import alert_urls
from cwa_pipeline_tests.alerts.listening import hook, mailbox, silent
from cwa_pipeline_tests.servers import free_port

SECRET = "swordfish"


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """What a log of the whole process would hold. (pytest's own also listens to loggers that keep to themselves.)"""
    text = StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


def sent(*urls: str, seconds: float = 10) -> list[Outcome]:
    return send(addresses(map(SecretStr, urls)), "sync failed", "line one\nline <two> & more", "failure", seconds)


def test_a_mail_and_a_post_carry_title_and_text_as_they_are() -> None:
    with mailbox() as box, hook() as web:
        assert [outcome.problem for outcome in sent(box.address, web.address)] == [None, None]
        [mail], [post] = box.mails, web.posts
    assert mail["Subject"] == "sync failed"
    assert mail["To"] == "it@shop.example"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().split("\r\n")[:2] == ["line one", "line <two> & more"]
    assert (post["title"], post["message"], post["type"]) == ("sync failed", "line one\nline <two> & more", "failure")


@contextmanager
def nobody() -> Iterator[int]:
    yield free_port()


@pytest.mark.parametrize("scheme", ["json", "mailto"])
@pytest.mark.parametrize(("place", "says"), [(nobody, "could not be reached"), (silent, "check its host")])
def test_a_dead_address_is_reported_in_time_without_its_password(
    scheme: str, place, says: str, logged: StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with place() as port:
        begun = time.monotonic()
        [outcome] = sent(
            f"{scheme}://cwa:{SECRET}@127.0.0.1:{port}/{SECRET}?from=a@shop.example&to=b@shop.example", seconds=2
        )
        assert time.monotonic() - begun < 4
    assert outcome.name == f"alert address 1 ({scheme})"
    assert says in str(outcome.problem) or "did not answer within 2 s" in str(outcome.problem)
    assert SECRET not in str(outcome) + logged.getvalue() + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("status", "says"), [(500, "its server failed (HTTP 500)"), (403, "refused it (HTTP 403); check the token")]
)
def test_an_address_that_refuses_is_reported_with_its_answer(status: int, says: str) -> None:
    with hook(status) as web:
        [outcome] = sent(web.address)
    assert says in str(outcome.problem)
    assert SECRET not in str(outcome)


def test_a_wrong_password_at_the_mail_server_is_a_problem() -> None:
    with mailbox() as box:
        [outcome] = sent(box.address.replace(SECRET, "trout"))
        assert not box.mails
    assert outcome.problem == "could not be reached, or refused; check its host, port, user name and password"


def test_a_dead_address_does_not_stop_the_others() -> None:
    with hook() as web, silent() as port:
        outcomes = sent(f"json://127.0.0.1:{port}", "nonsense swordfish", web.address, seconds=2)
        assert [bool(outcome.problem) for outcome in outcomes] == [True, True, False]
        assert len(web.posts) == 1


@pytest.mark.parametrize(
    "url", [f"carrier-pigeon://{SECRET}", SECRET, f"mailto://{SECRET}", f"slack://{SECRET}", "json://"]
)
def test_an_address_of_an_unknown_kind_is_named_by_its_number_only(
    url: str, capfd: pytest.CaptureFixture[str], logged: StringIO
) -> None:
    [outcome] = understood(addresses([SecretStr(url)]))
    assert outcome.name == "alert address 1 (unknown)"
    assert "is not a known kind of address" in str(outcome.problem)
    assert SECRET not in str(outcome) + logged.getvalue() + "".join(capfd.readouterr())


def test_slack_teams_mail_and_webhooks_are_understood() -> None:
    slack = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    urls = [
        f"slack://{slack}",
        f"https://hooks.slack.com/services/{slack}",
        "workflows://prod-1.westus.logic.azure.com:443/643e69f83c8944/qcLXZ7_signature",
        "mailtos://user:password@smtp.example.com?from=cwa@example.com&to=it@example.com",
        "jsons://hooks.example.com/cwa",
    ]
    assert [outcome.problem for outcome in understood(addresses(map(SecretStr, urls)))] == [None] * len(urls)


def test_addresses_come_from_the_environment_or_a_file_and_do_not_show(tmp_path) -> None:
    file = tmp_path / "urls"
    file.write_text(f"# the office\njson://a/{SECRET}\n\n  json://b json://c\n", encoding="utf-8")
    from_file = alert_urls({"CWA_ALERT_URLS_FILE": str(file)})
    assert [url.get_secret_value() for url in from_file] == [f"json://a/{SECRET}", "json://b", "json://c"]
    assert alert_urls({}) == []
    assert SECRET not in repr(from_file) + repr(addresses(from_file))


def test_a_sync_does_not_import_what_sends_alerts() -> None:
    modules = (
        "cwa_pipeline.definitions, cwa_pipeline.commands.run, cwa_pipeline.commands.main, cwa_pipeline.alerts.ping"
    )
    code = f"import sys, {modules}; print('apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"
