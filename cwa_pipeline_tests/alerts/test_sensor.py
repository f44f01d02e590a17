"""The sensor over real runs: one message per change of state, never lost, never twice; and nothing of it reaches into a sync."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest
from pydantic import SecretStr

from cwa_pipeline.alerts import messages
from cwa_pipeline.alerts.addresses import addresses
from cwa_pipeline.alerts.changes import Message, State
from cwa_pipeline.alerts.sensor import alerts_sensor, tick
from cwa_pipeline.alerts.syncs import MATERIALIZE_ALL_JOB, last_ends
from cwa_pipeline.commands.run import run_nightly_sync
from cwa_pipeline.config.settings import AlertSettings
from cwa_pipeline.definitions import defs
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests.alerts.listening import Hook, Mailbox, hook, mailbox, silent
from cwa_pipeline_tests.shop import Shop, open_shop
from cwa_pipeline_tests.test_guards import customers, take_away

SECRET = "swordfish"
ALERTS = "[alerts]\nenabled = true\n"
SENSOR = alerts_sensor(AlertSettings(enabled=True), "nightly_sync")


@dataclass
class Watched:
    """A shop, Dagster's instance with its runs, and where alerts and pings arrive."""

    shop: Shop
    instance: dg.DagsterInstance
    web: Hook
    box: Mailbox
    cursor: str | None = None

    def run(self, **ops: object) -> dg.ExecuteInProcessResult:
        """Run the job as the schedule does."""
        job = defs.resolve_job_def("nightly_sync")
        config = {"ops": ops} if ops else None
        return job.execute_in_process(instance=self.instance, raise_on_error=False, run_config=config)

    def tick(self) -> str:
        """Let the sensor look once, as the daemon does; returns its line in the UI."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = SENSOR(context)
        assert isinstance(result, dg.SkipReason)
        self.cursor = context.cursor
        return str(result.skip_message)

    def look(self, now: datetime) -> str:
        """The same at another time."""
        state = State.of(self.cursor, now)
        told = tick(state, self.instance, "nightly_sync", now)
        self.cursor = state.model_dump_json()
        return told


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of three customers after one good sync of them."""
    folder = tmp_path_factory.mktemp("synced")
    with open_shop(folder, *customers(3)) as shop:
        assert shop.sync().succeeded
    return folder


@pytest.fixture
def watched(tmp_path: Path, synced: Path) -> Iterator[Watched]:
    with (
        hook() as web,
        mailbox() as box,
        open_shop(tmp_path, *customers(3), toml=ALERTS) as shop,
        dg.DagsterInstance.ephemeral() as instance,
        patch.dict(os.environ, {"CWA_ALERT_URLS": f"{web.address} {box.address}", "CWA_PING_URL": web.ping}),
    ):
        for database in ("pcrt.db", "cwa_warehouse.db"):
            shutil.copy(synced / database, tmp_path / database)
        yield Watched(shop, instance, web, box)


def test_ok_failed_failed_recovered_is_two_messages_and_two_pings(watched: Watched) -> None:
    assert watched.tick() == "nothing to report"
    assert watched.tick() == "nothing to report"
    assert watched.web.calls == ["/ping/swordfish"]  # the good sync, once

    computers = list(watched.shop.server.world.computers)
    watched.shop.server.world.computers.clear()
    failed = watched.run()
    assert watched.tick() == "sync failed; 1 of 1 messages delivered"
    assert watched.tick() == "nothing to report"
    watched.run()
    assert watched.tick() == "nothing to report"
    [post], [mail] = watched.web.posts, watched.box.mails
    assert post["title"] == mail["Subject"] == "nightly_sync: sync failed"
    assert post["type"] == "failure"
    assert failed.run_id in post["message"]
    assert "CWA shows no computer" in post["message"]
    assert str(watched.shop.folder / "integration_page.html") in post["message"]

    watched.shop.server.world.computers.extend(computers)
    assert watched.run().success
    assert watched.tick() == "sync succeeds again; 1 of 1 messages delivered"
    assert watched.tick() == "nothing to report"
    assert watched.web.titles == ["nightly_sync: sync failed", "nightly_sync: sync succeeds again"]
    assert [mail["Subject"] for mail in watched.box.mails] == watched.web.titles
    assert [call for call in watched.web.calls if "ping" in call] == ["/ping/swordfish"] * 2
    assert SECRET not in str(watched.cursor)


def test_a_sync_by_materialize_all_in_the_ui_counts_and_one_of_another_site_does_not(watched: Watched) -> None:
    assert defs.resolve_implicit_global_asset_job_def().name == MATERIALIZE_ALL_JOB
    for run_id, prefix in (("of miami", ["miami"]), ("ours", [])):
        keys = frozenset(dg.AssetKey([*prefix, table]) for table in ("cwa_computers", "additional_members"))
        run = dg.DagsterRun(MATERIALIZE_ALL_JOB, run_id, asset_selection=keys, status=dg.DagsterRunStatus.SUCCESS)
        watched.instance.add_run(run)
    for job, run_id in (("nightly_sync", "ours"), ("miami_nightly_sync", "of miami")):
        ends = last_ends(watched.instance, job, None)
        assert ends.success is not None
        assert ends.success.run_id == run_id


def test_a_group_that_a_guard_holds_and_a_jump_are_one_message_without_a_name(watched: Watched) -> None:
    watched.tick()
    take_away(watched.shop, 1, 10)
    assert watched.run().success
    assert watched.tick() == "1 group held; many more issues; 1 of 1 messages delivered"
    [post] = watched.web.posts
    assert "Not written until released: group 101." in post["message"]
    assert "no∗cwa∗group" not in post["message"]
    assert "- no_cwa_group: from 0 to 10" in post["message"]
    assert "Customer" not in post["message"] + post["title"]
    assert watched.run(members_plan={"config": {"release": ["101"]}}).success
    assert watched.tick() == "1 group no longer held; 1 of 1 messages delivered"


def test_late_late_recovered(watched: Watched) -> None:
    now = datetime.now(UTC)
    watched.look(now)
    assert watched.look(now + timedelta(hours=27)).startswith("sync is late")
    assert watched.look(now + timedelta(hours=40)) == "nothing to report"
    assert watched.run().success
    assert watched.look(datetime.now(UTC)).startswith("no longer late")
    assert watched.web.titles == ["nightly_sync: sync is late", "nightly_sync: no longer late"]


def test_a_message_that_could_not_be_sent_is_sent_later_to_those_without_it(watched: Watched) -> None:
    now = datetime.now(UTC)
    watched.look(now)
    late = now + timedelta(hours=27)
    watched.web.status = 500
    told = watched.look(late)
    assert "alert address 1 (json) its server failed (HTTP 500)" in told
    assert SECRET not in told + str(watched.cursor)
    assert len(watched.box.mails) == 1
    watched.web.status = 200
    watched.look(late + timedelta(seconds=30))
    assert watched.web.titles == []  # not before a minute has gone by
    watched.look(late + timedelta(seconds=61))
    watched.look(late + timedelta(seconds=200))
    assert watched.web.titles == ["nightly_sync: sync is late"]
    assert len(watched.box.mails) == 1


def test_a_ping_that_did_not_get_through_is_tried_at_the_next_tick(watched: Watched) -> None:
    watched.web.status = 503
    assert "the dead-man's switch answered HTTP 503" in watched.tick()
    watched.web.status = 200
    assert watched.tick() == watched.tick() == "nothing to report"
    assert watched.web.calls == ["/ping/swordfish"] * 3  # twice without success, then once


def test_an_old_success_is_not_pinged(watched: Watched) -> None:
    watched.look(datetime.now(UTC) + timedelta(days=3))
    assert [call for call in watched.web.calls if "ping" in call] == []


def test_a_dry_run_is_no_sync_and_one_that_found_another_under_way_no_failure(watched: Watched) -> None:
    watched.tick()
    calls = list(watched.web.calls)
    assert watched.run(additional_members={"config": {"dry_run": True}}).success
    with Warehouse(watched.shop.warehouse_url) as warehouse, warehouse.exclusive():
        assert not watched.run().success
    assert watched.tick() == "nothing to report"
    assert watched.tick() == "nothing to report"
    assert watched.web.calls == calls


def test_a_sync_without_dagsters_storage_counts_too(watched: Watched) -> None:
    now = datetime.now(UTC)
    watched.look(now)
    watched.look(now + timedelta(hours=27))
    assert run_nightly_sync().succeeded  # DAGSTER_HOME is not set here
    assert watched.look(datetime.now(UTC)).startswith("no longer late")


def test_a_broken_configuration_is_reported(watched: Watched) -> None:
    watched.tick()
    (watched.shop.folder / "cwa_pipeline.toml").write_text("[cwa\n", encoding="utf-8")
    assert not watched.run().success
    watched.tick()
    [post] = watched.web.posts
    assert "is not TOML" in post["message"]


@pytest.mark.parametrize("url", [f"postgresql://cwa:{SECRET}@127.0.0.1:1/cwa", f"postgres:{SECRET}@127.0.0.1/cwa"])
def test_an_unreachable_warehouse_is_reported(watched: Watched, url: str) -> None:
    watched.tick()
    with patch.dict(os.environ, {"WAREHOUSE_URL": url}):
        assert not watched.run().success
        watched.tick()
    [post] = watched.web.posts
    assert post["title"] == "nightly_sync: sync failed"
    assert "cannot be reached" in post["message"] or "WAREHOUSE_URL is not a database URL" in post["message"]
    assert SECRET not in post["message"]


def test_only_the_configured_kinds_are_reported(watched: Watched) -> None:
    watched.shop.configure(f'{ALERTS}tell = ["held"]\n')
    now = datetime.now(UTC)
    watched.look(now)
    assert watched.look(now + timedelta(hours=27)) == "nothing to report"
    assert watched.web.posts == []


def test_without_an_address_the_tick_says_so(watched: Watched) -> None:
    now = datetime.now(UTC)
    watched.look(now)
    with patch.dict(os.environ, {"CWA_ALERT_URLS": ""}):
        told = watched.look(now + timedelta(hours=27))
    assert told == "sync is late; no address to send it to: set CWA_ALERT_URLS"


def test_addresses_and_a_switch_that_never_answer_end_a_tick_in_time(watched: Watched) -> None:
    now = datetime.now(UTC)
    with silent() as port, patch.object(messages, "SECONDS", 1.0), patch.object(messages, "TICK_SECONDS", 1.0):
        dead = {"CWA_ALERT_URLS": f"json://127.0.0.1:{port} {watched.web.address}"}
        with patch.dict(os.environ, {**dead, "CWA_PING_URL": f"http://127.0.0.1:{port}/"}):
            text = {"title": "t", "text": "x", "tone": "info", "made_at": now, "to": [1, 2]}
            watched.cursor = State(watching_since=now, outbox=[Message(**text)] * 3).model_dump_json()
            begun = time.monotonic()
            told = watched.look(now)
            assert time.monotonic() - begun < 5 + 2 * 1.5 + 1
    assert "alert address 1 (json) " in told
    assert len(State.of(watched.cursor, now).outbox) == 3  # each still waits for the first address
    assert len(watched.web.posts) >= 1


def test_a_failing_address_is_tried_less_and_less_often_and_given_up_after_a_week(watched: Watched) -> None:
    now = datetime.now(UTC)
    watched.web.status = 500
    to = addresses([SecretStr(watched.web.address)])
    waiting, waits, moment = [Message(title="t", text="x", tone="info", made_at=now, to=[1])], [], now
    for _ in range(8):
        waiting, [problem] = messages.deliver(waiting, to, moment)
        assert messages.deliver(waiting, to, moment) == (waiting, [])  # it is not due
        waits.append((waiting[0].not_before - moment) // timedelta(minutes=1))
        moment = waiting[0].not_before
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert "HTTP 500" in problem
    while moment < now + timedelta(days=7):
        waiting, _ = messages.deliver(waiting, to, moment)
        assert waiting[0].not_before - moment == timedelta(hours=1)
        moment = waiting[0].not_before
    assert messages.deliver(waiting, to, now + timedelta(days=8)) == ([], [])


def test_what_waits_for_an_address_that_is_no_longer_configured_is_dropped() -> None:
    message = Message(title="t", text="x", tone="info", made_at=datetime.now(UTC), to=[2])
    assert messages.deliver([message], [], datetime.now(UTC)) == ([], [])


def test_the_sensor_runs_when_alerts_are_enabled_and_waits_for_a_person_otherwise() -> None:
    assert SENSOR.default_status == dg.DefaultSensorStatus.RUNNING
    assert alerts_sensor(AlertSettings(), "nightly_sync").default_status == dg.DefaultSensorStatus.STOPPED
    assert defs.resolve_sensor_def("alerts").default_status == dg.DefaultSensorStatus.STOPPED
