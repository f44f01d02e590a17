"""The dead-man's switch is called after a success, in a few seconds at the most, and its address is never shown."""

import logging
import os
import socket
import time
from contextlib import closing
from pathlib import Path
from threading import Thread
from unittest.mock import patch

import pytest
from pydantic import SecretStr

from cwa_pipeline.alerts import ping as ping_module
from cwa_pipeline.alerts.ping import ping, ping_after_success
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.config.environment import ping_url
from cwa_pipeline.errors import SettingsError
from cwa_pipeline_tests.alerts.listening import hook, silent
from cwa_pipeline_tests.commands.command_line import cwa_pipeline
from cwa_pipeline_tests.servers import free_port
from cwa_pipeline_tests.shop import open_shop

SECRET = "swordfish"


def test_one_successful_call_is_enough() -> None:
    with hook() as web:
        assert ping(SecretStr(web.ping)) is None
        assert web.calls == ["/ping/swordfish"]


def test_a_failing_monitor_is_tried_twice_and_then_named_without_its_address() -> None:
    with hook(500) as web:
        problem = ping(SecretStr(web.ping))
        assert len(web.calls) == 2
    assert problem == "the dead-man's switch answered HTTP 500; check CWA_PING_URL and this machine's network"


def test_a_refused_connection_is_reported_at_once() -> None:
    begun = time.monotonic()
    assert "cannot be reached" in str(ping(SecretStr(f"http://127.0.0.1:{free_port()}/{SECRET}")))
    assert time.monotonic() - begun < 2


def test_a_monitor_that_takes_the_call_and_says_nothing_costs_a_few_seconds() -> None:
    with silent() as port:
        begun = time.monotonic()
        problem = str(ping(SecretStr(f"http://127.0.0.1:{port}/{SECRET}")))
        assert time.monotonic() - begun < ping_module.SECONDS + 1
    assert "did not answer" in problem
    assert SECRET not in problem


def test_a_monitor_that_drips_its_headers_for_ever_costs_no_more() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def drip() -> None:
            caller, _ = listening.accept()
            with closing(caller):
                caller.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(100):
                    try:
                        caller.sendall(f"X-{number}: 1\r\n".encode())
                    except OSError:
                        return
                    time.sleep(0.2)

        Thread(target=drip, daemon=True).start()
        begun = time.monotonic()
        with patch.object(ping_module, "SECONDS", 1.5):
            assert "did not answer within 1.5 s" in str(
                ping(SecretStr(f"http://127.0.0.1:{listening.getsockname()[1]}/"))
            )
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "text", ["hc-ping.com/swordfish", "ftp://h/swordfish", "http://", "http://h:99999/", "https://h/a swordfish"]
)
def test_a_wrong_address_is_one_line_without_the_address(text: str) -> None:
    with pytest.raises(SettingsError, match="CWA_PING_URL is not a web address") as caught:
        ping_url({"CWA_PING_URL": text})
    assert SECRET not in str(caught.value)


def test_without_a_switch_nothing_is_called() -> None:
    assert ping_url({}) is None
    assert ping_url({"CWA_PING_URL": "  "}) is None


def test_a_wrong_address_is_only_logged_after_a_sync(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), patch.dict(os.environ, {"CWA_PING_URL": SECRET}):
        ping_after_success()
    assert "CWA_PING_URL is not a web address" in caplog.text
    assert SECRET not in caplog.text


def test_the_command_line_calls_it_only_after_a_sync_that_wrote(tmp_path: Path) -> None:
    with hook() as web, open_shop(tmp_path, *invented_msp()) as shop:
        switch = {"folder": tmp_path, "CWA_PING_URL": web.ping}
        assert cwa_pipeline("sync", "--dry-run", **switch).returncode == 0
        assert web.calls == []
        assert cwa_pipeline("sync", **switch).returncode == 0
        assert web.calls == ["/ping/swordfish"]
        shop.server.world.computers.clear()
        assert cwa_pipeline("sync", **switch).returncode == 1
        assert web.calls == ["/ping/swordfish"]


def test_a_silent_monitor_does_not_fail_a_sync(tmp_path: Path) -> None:
    with silent() as port, open_shop(tmp_path, *invented_msp()), patch.object(ping_module, "SECONDS", 0.5):
        begun = time.monotonic()
        result = cwa_pipeline("sync", folder=tmp_path, CWA_PING_URL=f"http://127.0.0.1:{port}/{SECRET}")
        took = time.monotonic() - begun
    assert result.returncode == 0
    assert "The sync succeeded" in result.stdout
    assert "did not answer within 0.5 s" in " ".join(result.stderr.split())
    assert SECRET not in result.stdout + result.stderr
    assert took < ping_module.SECONDS + 15
