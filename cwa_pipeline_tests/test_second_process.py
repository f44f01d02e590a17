"""The second process of a large shop's run: it does what the first would, says what went wrong, and is gone when it is not wanted."""

import logging
import operator
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from cwa_pipeline import second_process
from cwa_pipeline import second_process_early as worth
from cwa_pipeline.assets.coverage import WRITE_RESTS_ON
from cwa_pipeline.assets.second_process import MOST_BESIDE_THE_RULES, SecondProcessResource
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Behaviour, Fault, Request
from cwa_pipeline.config.environment import pcrt_database_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.cwa.automate import Automate
from cwa_pipeline.cwa.shared_pages import SharedPages
from cwa_pipeline.definitions import defs
from cwa_pipeline.errors import SecondProcessError, SettingsError
from cwa_pipeline.page import renew
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.rules.receipts import Reading
from cwa_pipeline.second_process import SecondProcess
from cwa_pipeline.second_process_early import WORTH_A_PROCESS, begun_early
from cwa_pipeline_tests.shop import open_shop

PATIENCE = 60  # seconds; a busy machine takes its time to start a process


@pytest.fixture
def second() -> Iterator[SecondProcess]:
    with SecondProcess() as process:
        yield process


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_gone_soon(pid: int) -> bool:
    until = time.monotonic() + PATIENCE
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_there(pid)


def test_it_is_one_other_process_for_all_that_is_submitted(second: SecondProcess) -> None:
    first, again = second.submit(os.getpid), second.submit(os.getpid)
    assert first.result(PATIENCE) == again.result(PATIENCE) != os.getpid()


def test_frames_go_there_and_come_back_as_they_are(second: SecondProcess) -> None:
    frame = pd.DataFrame({"pcid": [1, None], "name": ["Ä \x00", None]}).astype({"pcid": "Int64", "name": "str"})
    frame["seen"] = pd.Series([pd.Timestamp("2026-03-03", tz="UTC"), None], dtype="datetime64[us, UTC]")
    back = second.submit(pd.DataFrame.copy, frame).result(PATIENCE)
    pd.testing.assert_frame_equal(back, frame)


def test_an_error_is_raised_here_and_the_next_thing_is_done_all_the_same(
    second: SecondProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PCRT_DATABASE_URL", raising=False)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        second.submit(operator.truediv, 1, 0).result(PATIENCE)
    with pytest.raises(SettingsError) as here:
        pcrt_database_url()
    with pytest.raises(SettingsError) as there:
        second.submit(pcrt_database_url).result(PATIENCE)
    assert str(there.value) == str(here.value)
    assert second.submit(operator.add, 1, 2).result(PATIENCE) == 3


def test_log_lines_arrive_and_what_is_printed_is_no_reply(
    second: SecondProcess, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        second.submit(print, "invented").result(PATIENCE)
        second.submit(logging.getLogger("invented").info, "Read %s of %s", 1, 2).result(PATIENCE)
        second.submit(logging.getLogger("invented").debug, "Not asked for").result(PATIENCE)
    assert [(record.name, record.getMessage()) for record in caplog.records] == [("invented", "Read 1 of 2")]


def test_nothing_of_the_arguments_is_where_others_can_see_it(second: SecondProcess) -> None:
    pid = second.submit(os.getpid).result(PATIENCE)
    second.submit(len, "a secret").result(PATIENCE)
    said = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout
    assert said.split() == [sys.executable, "-P", "-m", "cwa_pipeline.second_process"]


def test_what_cannot_be_sent_back_is_told_in_words_and_the_next_thing_is_done_all_the_same(
    second: SecondProcess, caplog: pytest.LogCaptureFixture
) -> None:
    program = "class Odd(Exception): pass\nraise Odd('the real reason')"
    with pytest.raises(SecondProcessError, match="Odd: the real reason"):
        second.submit(exec, program, {}).result(PATIENCE)
    assert "raise Odd" in caplog.text or "line 2, in <module>" in caplog.text
    with pytest.raises(TypeError, match="pickle"):
        second.submit(threading.Lock).result(PATIENCE)
    assert second.submit(operator.add, 1, 2).result(PATIENCE) == 3


def test_an_end_in_the_middle_of_a_reply_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    half = "import pickle, sys; sys.stdout.buffer.write(pickle.dumps(('result', bytes(1000)))[:500])"
    monkeypatch.setattr(second_process, "_COMMAND", [sys.executable, "-c", half])
    with SecondProcess() as second, pytest.raises(SecondProcessError, match="ended before it was done"):
        second.submit(os.getpid).result(PATIENCE)


def test_one_that_cannot_be_started_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "_COMMAND", ["/no/such/program"])
    with SecondProcess() as second, pytest.raises(SecondProcessError, match="cannot be started"):
        second.submit(os.getpid).result(PATIENCE)


def test_one_that_ended_while_it_had_nothing_to_do_is_started_anew(second: SecondProcess) -> None:
    pid = second.submit(os.getpid).result(PATIENCE)
    assert second._process is not None
    second._process.kill()
    second._process.wait()
    assert second.submit(os.getpid).result(PATIENCE) != pid


def test_one_that_was_killed_is_told_apart(second: SecondProcess) -> None:
    pid = second.submit(os.getpid).result(PATIENCE)
    with pytest.raises(SecondProcessError, match="was killed, most likely since memory ran out"):
        second.submit(os.kill, pid, signal.SIGKILL).result(PATIENCE)


@pytest.mark.parametrize(("end", "status"), [((os._exit, 3), 3), ((os.abort,), -signal.SIGABRT)])
def test_its_end_is_an_error_that_names_the_status(second: SecondProcess, end: tuple[object, ...], status: int) -> None:
    function, *arguments = end
    assert callable(function)
    with pytest.raises(SecondProcessError, match=rf"ended before it was done \(status {status}\)"):
        second.submit(function, *arguments).result(PATIENCE)


def test_closing_ends_it_whatever_it_is_at() -> None:
    second = SecondProcess()
    pid = second.submit(os.getpid).result(PATIENCE)
    asleep, waiting = second.submit(time.sleep, 10 * PATIENCE), second.submit(os.getpid)
    until = time.monotonic() + PATIENCE
    while not asleep.running() and time.monotonic() < until:
        time.sleep(0.01)
    second.close()
    assert not is_there(pid)
    assert isinstance(asleep.exception(), SecondProcessError)
    assert waiting.cancelled() or isinstance(waiting.exception(), SecondProcessError)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("second-process")]


def test_after_the_end_there_is_nothing_to_let_go_of(second: SecondProcess) -> None:
    pid = second.submit(os.getpid).result(PATIENCE)
    second.close()
    second.rest()
    assert not is_there(pid)


def test_nothing_is_started_before_there_is_something_to_do_or_after_the_end() -> None:
    with SecondProcess() as second:
        assert second._process is None
    with pytest.raises(RuntimeError):
        second.submit(os.getpid)
    assert second._process is None


def test_a_pipe_that_may_not_be_wide_is_a_pipe_all_the_same(
    second: SecondProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("fcntl.fcntl", refused)
    assert second.submit(os.getpid).result(PATIENCE) != os.getpid()


@pytest.mark.parametrize("more", ["", "second.submit(time.sleep, 600);"], ids=["idle", "at work"])
def test_it_does_not_outlive_a_first_process_that_is_killed(more: str) -> None:
    script = (
        "import os, time; from cwa_pipeline.second_process import SecondProcess; second = SecondProcess();"
        f"print(second.submit(os.getpid).result(), flush=True); {more} time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        pid = int(first.stdout.readline())
        assert is_there(pid)
        first.kill()
    assert is_gone_soon(pid)


@pytest.mark.parametrize(("rows", "is_elsewhere"), [(WORTH_A_PROCESS - 1, False), (WORTH_A_PROCESS, True)])
def test_only_what_has_many_rows_is_done_there(rows: int, is_elsewhere: bool) -> None:
    with SecondProcessResource().yield_for_execution(dg.build_init_resource_context()) as resource:
        assert (resource.work(rows, os.getpid) != os.getpid()) == is_elsewhere
        with pytest.raises(ZeroDivisionError):
            resource.work(rows, operator.truediv, 1, 0)


# --- begun with the command --------------------------------------------------------------------------------------------


def never_asked() -> int:
    raise AssertionError


@contextmanager
def begun_and_taken_over() -> Iterator[tuple[int, SecondProcessResource]]:
    """The id of a process that was begun early, and the resource of the run that took it over."""
    with begun_early():
        pid = worth._waiting[0].process.submit(os.getpid).result(PATIENCE)
        with SecondProcessResource().yield_for_execution(dg.build_init_resource_context()) as resource:
            yield pid, resource
        assert is_gone_soon(pid)


def test_a_run_goes_on_with_what_was_begun_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_shop(tmp_path, *invented_msp()), begun_and_taken_over() as (pid, resource):
        monkeypatch.setattr(worth, "WORTH_ASKING", 1)
        assert resource.is_worth_reading(never_asked)
        assert resource.submit(os.getpid).result(PATIENCE) == pid
        assert worth.taken_over() is None


def test_of_a_small_shop_it_is_gone_once_that_is_known(tmp_path: Path) -> None:
    with open_shop(tmp_path, *invented_msp()), begun_and_taken_over() as (pid, resource):
        assert not resource.is_worth_reading(never_asked)
        assert is_gone_soon(pid)
        assert resource.submit(os.getpid).result(PATIENCE) != pid  # for what may be worth one later


@pytest.mark.parametrize(
    ("rows", "is_elsewhere"),
    [
        (worth.WORTH_ASKING - 1, False),
        (worth.WORTH_ASKING, True),
        (MOST_BESIDE_THE_RULES, True),
        (MOST_BESIDE_THE_RULES + 1, False),
        (WORTH_A_PROCESS, True),
    ],
)
def test_one_that_is_there_anyway_is_asked_for_less_as_long_as_there_is_room_for_both(
    rows: int, is_elsewhere: bool
) -> None:
    with begun_and_taken_over() as (pid, resource):
        resource.begin(rows, os.getpid)
        assert is_there(pid) if is_elsewhere else is_gone_soon(pid)
        assert (resource.work(rows, os.getpid) == pid) == is_elsewhere
        resource.rest()
        assert is_gone_soon(pid)


def test_where_it_could_not_ask_the_run_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCRT_DATABASE_URL", raising=False)
    with begun_and_taken_over() as (_, resource):
        assert resource.is_worth_reading(lambda: worth.WORTH_ASKING)
        assert not resource.is_worth_reading(lambda: worth.WORTH_ASKING - 1)
        assert not resource.is_worth_reading(lambda: worth.WORTH_ASKING)  # it is gone by then


def test_what_is_begun_ends_with_a_command_that_comes_to_no_run() -> None:
    with begun_early():
        pid = worth._waiting[0].process.submit(os.getpid).result(PATIENCE)
    assert is_gone_soon(pid)
    assert worth.taken_over() is None


def test_with_one_processor_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with begun_early():
        assert worth.taken_over() is None


def test_it_finds_out_how_many_pcids_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_shop(tmp_path, *invented_msp()) as shop, Pcrt(shop.pcrt_url, Settings.load().pcrt) as pcrt:
        assert worth.get_ready() == len(pcrt.read().pcids.frame)
        monkeypatch.setattr(worth, "WORTH_ASKING", 1)
        assert worth.get_ready() == len(pcrt.read().pcids.frame)


def test_pcrt_is_the_same_database_in_another_process(tmp_path: Path) -> None:
    with open_shop(tmp_path, *invented_msp()) as shop, Pcrt(shop.pcrt_url, Settings.load().pcrt) as pcrt:
        for here, there in zip(pcrt.read(), pickle.loads(pickle.dumps(pcrt)).read(), strict=True):  # noqa: S301 - our own
            pd.testing.assert_frame_equal(there.frame, here.frame)
            assert there[1:] == here[1:]
        assert pcrt.how_many_pcids() == len(pcrt.read().pcids.frame)


def tables_after_a_sync(folder: Path, behaviour: Behaviour | None = None) -> dict[str, pd.DataFrame]:
    with open_shop(folder, *invented_msp(), behaviour=behaviour) as shop:
        assert shop.sync().succeeded
        return {table: shop.table(table) for table in [*WRITE_RESTS_ON, "match_suggestions", "computer_issues"]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the second process is asked to do, by name; it is worth one however few rows there are."""
    names: list[str] = []
    submit = SecondProcess.submit

    def noted(self: SecondProcess, *work: Any) -> Future[Any]:
        names.append(work[0].__name__)
        return submit(self, *work)

    monkeypatch.setattr(SecondProcess, "submit", noted)
    monkeypatch.setattr(worth, "WORTH_A_PROCESS", 1)
    return names


def wait_until_asked(asked: list[str], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while what not in asked and time.monotonic() < until:
        time.sleep(0.01)


def read_computers_once(asked: list[str], monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    """Let the computers be read only when the second process was asked for the last of what it is to read."""
    computers = Automate.computers

    def late(self: Automate, shared: SharedPages | None = None) -> Reading:
        wait_until_asked(asked, last)
        return computers(self, shared)

    monkeypatch.setattr(Automate, "computers", late)


@pytest.fixture
def without(tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    """The tables after a sync without a second process."""
    with monkeypatch.context() as without_one:
        without_one.setattr(worth, "WORTH_A_PROCESS", 10**9)
        tables = tables_after_a_sync(tmp_path / "without")
    assert asked == []
    return tables


def assert_same_tables(found: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame]) -> None:
    assert found.keys() == wanted.keys()
    for table, frame in wanted.items():
        pd.testing.assert_frame_equal(found[table], frame)


def test_it_reads_of_cwa_what_this_one_does_not_get_round_to(
    tmp_path: Path, asked: list[str], without: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_computers_once(asked, monkeypatch, "clients")
    found = tables_after_a_sync(tmp_path / "with")
    assert asked == ["read", "group_members", "clients", "unhurried"]
    assert_same_tables(found, without)


def test_begun_early_it_works_for_a_run_that_would_start_none_and_is_gone_before_the_page(
    tmp_path: Path, asked: list[str], without: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worth, "WORTH_A_PROCESS", 10**9)
    monkeypatch.setattr(worth, "WORTH_ASKING", 1)
    read_computers_once(asked, monkeypatch, "clients")
    was_gone, make_page = list[bool](), renew.page

    def page(*arguments: Any) -> str:
        was_gone.append(is_gone_soon(pid))
        return make_page(*arguments)

    monkeypatch.setattr(renew, "page", page)
    with begun_early():
        pid = worth._waiting[0].process.submit(os.getpid).result(PATIENCE)
        asked.clear()
        found = tables_after_a_sync(tmp_path / "with")
    assert asked == ["read", "group_members", "clients", "unhurried"]
    assert was_gone == [True]
    assert_same_tables(found, without)


def test_when_it_has_nothing_else_to_read_it_helps_with_the_computers(
    tmp_path: Path, asked: list[str], without: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_computers_once(asked, monkeypatch, "clients")

    def wait_for_help(_world: object, request: Request) -> None:
        if request.path.endswith("/Computers") and request.query.get("page") == "2":
            wait_until_asked(asked, "pages")

    found = tables_after_a_sync(tmp_path / "with", Behaviour(page_cap=2, before_answer=wait_for_help))
    assert asked[:4] == ["read", "group_members", "clients", "pages"]
    assert_same_tables(found, without)


@pytest.mark.parametrize("connections", [2, 5])
def test_both_together_never_have_more_connections_than_configured(
    tmp_path: Path, asked: list[str], connections: int
) -> None:
    most = 0

    def look(_world: object, request: Request) -> None:
        nonlocal most
        most = max(most, len(shop.server.connections()))
        if request.path.endswith("/Computers") and request.query.get("page") == "2":
            wait_until_asked(asked, "pages")

    behaviour = Behaviour(page_cap=2, latency=0.02, before_answer=look)
    with open_shop(tmp_path, *invented_msp(), behaviour=behaviour, toml=f"cwa.connections = {connections}\n") as shop:
        assert shop.sync().succeeded
    assert "pages" in asked
    assert connections // 2 < most <= connections


def test_who_reads_nothing_of_cwa_does_not_log_in_there_for_it(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_shop(tmp_path, *invented_msp()) as shop, dg.DagsterInstance.ephemeral() as instance:
        assert shop.sync().succeeded
        asked.clear()
        monkeypatch.setattr(Automate, "split", never_asked)
        picked = [dg.AssetKey(table) for table in ("pcrt_groups", "pcrt_pcids", "pcrt_subscriptions")]
        job = defs.resolve_job_def("nightly_sync")
        assert job.execute_in_process(instance=instance, asset_selection=picked).success
    assert asked == ["read"]


def test_over_one_connection_this_one_reads_all_of_cwa(tmp_path: Path, asked: list[str]) -> None:
    with open_shop(tmp_path, *invented_msp(), toml="cwa.connections = 1\n") as shop:
        assert shop.sync().succeeded
    assert asked == ["read", "unhurried"]


def test_a_read_of_cwa_that_fails_there_fails_the_sync_with_the_same_words(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Behaviour(faults=lambda request: Fault(status=400) if "GroupComputers" in request.path else None)
    with open_shop(tmp_path, *invented_msp(), behaviour=refused) as shop:
        with monkeypatch.context() as without_one:
            without_one.setattr(worth, "WORTH_A_PROCESS", 10**9)
            here = shop.sync()
        read_computers_once(asked, monkeypatch, "group_members")
        there = shop.sync()
    assert "group_members" in asked
    assert "clients" not in asked  # a log-in that was refused would be tried again
    assert not here.succeeded
    assert "group members" in here.problems[0]
    assert there.problems == here.problems


def test_a_failed_read_of_cwa_does_not_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "WORTH_A_PROCESS", 0)
    stuck = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(second_process, "_COMMAND", stuck)
    refused = Behaviour(faults=lambda request: Fault(status=403) if "Computers" in request.path else None)
    with open_shop(tmp_path, *invented_msp(), behaviour=refused) as shop:
        outcome = shop.sync()
    assert not outcome.succeeded
    assert "403" in outcome.problems[0]


def test_the_write_does_not_wait_for_the_suggestions(tmp_path: Path) -> None:
    with open_shop(tmp_path, *invented_msp()), dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("nightly_sync").execute_in_process(instance=instance)
    steps = [event.step_key for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_START]
    assert steps.index("additional_members") < steps.index("suggestions")


def test_a_failure_there_fails_the_sync_with_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_shop(tmp_path, *invented_msp()) as shop:
        shop.configure("[pcrt]\npcids = 'SELECT 1 AS wrong'\n")
        here = shop.sync()
        monkeypatch.setattr(worth, "WORTH_A_PROCESS", 0)
        there = shop.sync()
    assert not here.succeeded
    assert "gives no column" in here.problems[0]
    assert there.problems == here.problems
