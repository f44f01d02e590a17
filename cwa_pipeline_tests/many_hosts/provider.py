"""A provider of many shops, from `deploy/`: one database, one daemon, two webservers, and a code server per site on a few hosts."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import requests
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType
from sqlalchemy.engine import URL

from cwa_pipeline.assets.jobs import HOST_TAG, SITE_TAG
from cwa_pipeline_tests.deploy import shipped
from cwa_pipeline_tests.deploy.shipped import DEPLOY, Places
from cwa_pipeline_tests.many_hosts import shops
from cwa_pipeline_tests.many_hosts.hosts import Host

CODE_SERVER, DAEMON = "cwa-code-server@", "cwa-dagster-daemon"
WEBSERVER, VIEWER = "cwa-dagster-webserver", "cwa-dagster-viewer"
ADDRESSES = {WEBSERVER: "http://127.0.0.1:3000", VIEWER: "http://127.0.0.1:3001/view"}  # as in the units
EACH = {"applyLimitPerUniqueValue": True}
FIRST_PORT = 4001
GIVE_UP_ON_THE_DATABASE = {"keepalives_idle": "10", "tcp_user_timeout": "15000"}
SCHEDULES = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
  ... on RepositoryLocation { repositories { schedules { name scheduleState { id } } } } ... on PythonError { message } } } } } }"""
# An hour is longer than the trial may take, and a dead run is to be found by the same means
NOTICE_DEAD_RUNS_SOON = {"max_runtime_seconds": 240, "poll_interval_seconds": 10}
SCHEDULES_STAY_OFF_SECONDS = 25


@dataclass
class Provider:
    """Everything that runs, and where it is."""

    places: Places
    hosts: list[Host]
    sites: dict[str, Host]
    instance: dg.DagsterInstance
    storage: dict[str, str]
    code_servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    central: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def home(self, site: str) -> Path:
        return self.places.etc / site

    def port(self, site: str) -> int:
        return FIRST_PORT + list(self.sites).index(site)

    def start_code_server(self, site: str) -> None:
        """Start what the template unit starts, on the site's host."""
        host = self.sites[site]
        at = {"CODE_SERVER_HOST": host.address, "CODE_SERVER_PORT": self.port(site)}
        command = shipped.command(CODE_SERVER, self.places, site, **at)
        variables = {**self.storage, **shipped.environment(CODE_SERVER, self.places, site)}
        self.code_servers[site] = host.start(command, variables, self.home(site) / "code_server.log")

    def start(self, unit: str) -> None:
        """Start one of the parts there is one of."""
        with (self.places.folder / f"{unit}.log").open("ab") as output:
            self.central[unit] = subprocess.Popen(
                shipped.command(unit, self.places),
                env={**os.environ, **self.storage, **shipped.environment(unit, self.places)},
                cwd=self.places.dagster_home,
                stdout=output,
                stderr=output,
            )

    def restart_daemon(self, *, runs_at_once: int = -1, on_a_host: int = 4) -> None:
        """Start the daemon with the shipped dagster.yaml, or with other limits on how many runs there are at once."""
        self.stop(DAEMON)
        limits = [{"key": SITE_TAG, "value": EACH, "limit": 1}, {"key": HOST_TAG, "value": EACH, "limit": on_a_host}]
        queue = {"max_concurrent_runs": runs_at_once, "tag_concurrency_limits": limits}
        text = shipped.dagster_yaml(run_queue=queue, run_monitoring=NOTICE_DEAD_RUNS_SOON)
        (self.places.dagster_home / "dagster.yaml").write_text(text, encoding="utf-8")
        self.start(DAEMON)

    def stop(self, unit: str) -> None:
        process = self.central.pop(unit, None)
        if process:
            process.terminate()
            process.wait(60)

    def ask(self, query: str, of: str = WEBSERVER, **variables: Any) -> dict[str, Any]:
        """Ask a webserver over GraphQL."""
        question = {"query": query, "variables": variables}
        return requests.post(f"{ADDRESSES[of]}/graphql", json=question, timeout=60).json()

    def schedules(self) -> dict[str, str]:
        """site -> the id of its nightly schedule's state, of every site whose code server answers."""
        said = self.ask(SCHEDULES)
        assert "errors" not in said, said["errors"][0]["message"]
        return {
            entry["name"]: schedule["scheduleState"]["id"]
            for entry in said["data"]["workspaceOrError"]["locationEntries"]
            for repository in (entry["locationOrLoadError"] or {}).get("repositories", [])
            for schedule in repository["schedules"]
            if schedule["name"] == f"{entry['name']}_nightly_sync_schedule"
        }

    def start_schedules(self) -> None:
        """Turn all nightly schedules on, as a person does in the UI; a host that has just come back may take a moment to be seen."""
        wait_until(lambda: self.schedules().keys() == self.sites.keys(), 300, "the webserver to see every site")
        for site in self.sites:
            schedule = f"{site}_nightly_sync_schedule"
            selector = {"repositoryLocationName": site, "repositoryName": "__repository__", "scheduleName": schedule}
            query = "mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename } }"
            said = self.ask(query, s=selector)
            assert "ScheduleStateResult" in str(said), said

    def stop_schedules(self) -> None:
        """Turn all schedules off at once, whether their code servers answer or not, until they stay off.

        At the end of a tick the daemon writes down what it had read before it, and on a busy machine a tick takes its time.
        """
        off_since = time.monotonic()
        while time.monotonic() - off_since < SCHEDULES_STAY_OFF_SECONDS:
            for state in self.instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
                if state.is_running:
                    self.instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
                    off_since = time.monotonic()
            time.sleep(1)

    def answers(self, of: str) -> bool:
        with suppress(requests.ConnectionError):
            return "data" in self.ask("{ version }", of)
        return False


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.5)


@contextmanager
def provider(folder: Path, hosts: Sequence[Host], sites: int, storage: URL, warehouse: URL) -> Iterator[Provider]:
    """Start all but the daemon; the schedules are off until the first night."""
    places = Places(folder)
    places.dagster_home.mkdir(parents=True)
    names = [f"shop{number:02}" for number in range(1, sites + 1)]
    of_host = {name: hosts[number % len(hosts)] for number, name in enumerate(names)}
    _open_shops(places, of_host, warehouse)
    (places.dagster_home / "dagster.yaml").write_text(shipped.dagster_yaml(), encoding="utf-8")
    # as deploy/dagster.yaml shows it
    url = storage.set(drivername="postgresql+psycopg2").update_query_dict(GIVE_UP_ON_THE_DATABASE)
    address = {"DAGSTER_POSTGRES_URL": url.render_as_string(hide_password=False)}
    os.environ |= {**address, "DAGSTER_HOME": str(places.dagster_home)}
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.get())  # its tables, before many want to make them at once
        made = Provider(places, list(hosts), of_host, instance, address)
        _write_workspace(made)
        for name in names:
            made.start_code_server(name)
        logs = [made.home(name) / "code_server.log" for name in names]
        wait_until(lambda: all("Started Dagster code server" in log.read_text() for log in logs), 300, "code servers")
        for unit in (WEBSERVER, VIEWER):
            stack.callback(made.stop, unit)
            made.start(unit)
        wait_until(lambda: made.answers(WEBSERVER) and made.answers(VIEWER), 120, "the webservers")
        wait_until(lambda: made.schedules().keys() == set(names), 120, "the webserver to know every site")
        made.start_schedules()  # which run by themselves from the daemon's first moment on, until they are told otherwise
        made.stop_schedules()
        stack.callback(made.stop, DAEMON)
        yield made


def _open_shops(places: Places, of_host: dict[str, Host], warehouse: URL) -> None:
    url = warehouse.update_query_dict(GIVE_UP_ON_THE_DATABASE).render_as_string(hide_password=False)
    for host in dict.fromkeys(of_host.values()):
        own = [name for name, its_host in of_host.items() if its_host is host]
        command = [str(shipped.BIN / "python"), "-m", "cwa_pipeline_tests.many_hosts.shops", str(places.etc), url, *own]
        host.start(command, {"PYTHONPATH": str(DEPLOY.parent)}, places.folder / f"{host.name}_shops.log")
    wait_until(lambda: all((places.etc / name / shops.READY).exists() for name in of_host), 60, "the shops")


def _write_workspace(made: Provider) -> None:
    """The workspace.yaml of these sites, of the form of the shipped one."""
    entries = [
        f"  - grpc_server: {{host: {host.address}, port: {made.port(site)}, location_name: {site}}}\n"
        for site, host in made.sites.items()
    ]
    made.places.workspace.write_text("load_from:\n" + "".join(entries), encoding="utf-8")
