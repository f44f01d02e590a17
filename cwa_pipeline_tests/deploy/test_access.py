"""Access: the shipped nginx in front of the two webservers, each started as its unit starts it."""

import json
import os
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from cwa_pipeline_tests.deploy import shipped
from cwa_pipeline_tests.servers import ServerNotAvailable, free_port
from cwa_pipeline_tests.servers.nginx import NginxServer

VERSION = {"query": "{ version }"}
RELOAD = {"query": "mutation { reloadWorkspace { __typename } }"}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxServer]:
    with ExitStack() as stack:
        ports = [
            _webserver(stack, shipped.Places(tmp_path_factory.mktemp(unit)), unit, port)
            for unit, port in (("cwa-dagster-webserver", 3000), ("cwa-dagster-viewer", 3001))
        ]
        try:
            server = NginxServer.start(tmp_path_factory.mktemp("nginx"), *ports)
        except ServerNotAvailable as reason:
            pytest.skip(str(reason))
        stack.callback(server.stop)
        for address, account in ((server.url, server.operator), (f"{server.url}/view", server.viewer)):
            _wait_for(server, f"{address}/server_info", account)
        yield server


def _webserver(stack: ExitStack, places: shipped.Places, unit: str, port: int) -> int:
    """Start what the unit starts, with its port moved; returns where it listens. No site is needed to ask who may do what."""
    places.dagster_home.mkdir(parents=True)
    places.etc.mkdir()
    places.workspace.write_text("load_from: []\n", encoding="utf-8")
    (places.dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    command, here = shipped.command(unit, places), free_port()
    assert command[command.index("-h") + 1] == "127.0.0.1"
    assert command[command.index("-p") + 1] == str(port)
    command[command.index("-p") + 1] = str(here)
    variables = {**os.environ, **shipped.environment(unit, places)}
    log = stack.enter_context((places.folder / "log").open("wb"))
    process = subprocess.Popen(command, env=variables, cwd=places.folder, stdout=log, stderr=log)
    stack.callback(process.wait, 30)
    stack.callback(process.kill)  # it holds nothing, and would take seconds to say farewell
    return here


def _wait_for(server: NginxServer, url: str, account: tuple[str, str]) -> None:
    deadline = time.monotonic() + 60
    while requests.get(url, auth=account, verify=server.certificate, timeout=10).status_code == 502:
        assert time.monotonic() < deadline, "the webserver did not come up"
        time.sleep(0.2)


def ask(server: NginxServer, path: str, account: tuple[str, str] | None, **more: object) -> requests.Response:
    kind = "POST" if "json" in more else "GET"
    return requests.request(kind, f"{server.url}{path}", auth=account, verify=server.certificate, timeout=30, **more)  # type: ignore[arg-type]


def a_script_of(page: requests.Response) -> str:
    """The address of one of the scripts that make the UI."""
    return re.findall(r'src="([^"]+[.]js)"', page.text)[0]


def websocket(server: NginxServer, account: tuple[str, str] | None, **headers: str) -> ClientConnection:
    if account:
        headers["Authorization"] = requests.auth._basic_auth_str(*account)
    trusted = ssl.create_default_context(cafile=str(server.certificate))
    url = f"wss://127.0.0.1:{server.https}/graphql"
    return connect(url, ssl=trusted, subprotocols=["graphql-ws"], additional_headers=headers)  # type: ignore[list-item]


def test_without_a_name_and_password_nothing_is_shown(proxy: NginxServer) -> None:
    for path in ("/", "/graphql", "/server_info", "/view", "/view/graphql", "/view/../graphql"):
        for account in (None, ("alice", "wrong"), ("nobody", "")):
            assert ask(proxy, path, account).status_code == 401, path
            assert ask(proxy, path, account, json=RELOAD).status_code == 401, path


def test_an_operator_gets_the_ui_and_its_graphql(proxy: NginxServer) -> None:
    page = ask(proxy, "/", proxy.operator)
    assert page.status_code == 200
    assert ask(proxy, a_script_of(page), proxy.operator).status_code == 200
    assert "version" in ask(proxy, "/graphql", proxy.operator, json=VERSION).json()["data"]
    assert "UnauthorizedError" not in ask(proxy, "/graphql", proxy.operator, json=RELOAD).text
    assert page.headers["X-Frame-Options"] == "DENY"


def test_a_viewer_may_look_and_start_nothing(proxy: NginxServer) -> None:
    script = a_script_of(ask(proxy, "/view/", proxy.viewer))
    assert script.startswith("/view/")
    assert ask(proxy, script, proxy.viewer).status_code == 200
    assert "version" in ask(proxy, "/view/graphql", proxy.viewer, json=VERSION).json()["data"]
    assert "UnauthorizedError" in ask(proxy, "/view/graphql", proxy.viewer, json=RELOAD).text
    assert ask(proxy, "/graphql", proxy.viewer, json=RELOAD).status_code == 401
    assert ask(proxy, "/view/../graphql", proxy.viewer, json=RELOAD).status_code == 401


def test_the_ui_follows_runs_over_a_websocket(proxy: NginxServer) -> None:
    with websocket(proxy, proxy.operator) as opened:
        opened.send(json.dumps({"type": "connection_init", "payload": {}}))
        assert json.loads(opened.recv(timeout=10))["type"] == "connection_ack"
    with pytest.raises(InvalidStatus, match="401"):
        websocket(proxy, None)


def test_another_web_site_cannot_use_a_browser_that_is_logged_in(proxy: NginxServer) -> None:
    elsewhere, here = {"Origin": "https://evil.example.com"}, {"Origin": proxy.url}
    assert ask(proxy, "/graphql", proxy.operator, json=VERSION, headers=elsewhere).status_code == 403
    assert ask(proxy, "/graphql", proxy.operator, json=VERSION, headers=here).status_code == 200
    with pytest.raises(InvalidStatus, match="403"):
        websocket(proxy, proxy.operator, **elsewhere)


def test_requests_without_tls_are_redirected_to_https(proxy: NginxServer) -> None:
    answer = requests.get(f"http://127.0.0.1:{proxy.http}/runs", allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://127.0.0.1/runs")
