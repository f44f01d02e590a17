"""The event log keeps its connections, holds the same events as Dagster's own, and stands in the same files."""

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from cwa_pipeline.assets.event_log import KeptConnectionsEventLog

OURS = "event_log_storage:\n  module: cwa_pipeline.assets.event_log\n  class: KeptConnectionsEventLog\n"


def instance_at(folder: Path, storage: str = OURS) -> dg.DagsterInstance:
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{storage}", encoding="utf-8")
    return dg.DagsterInstance.from_config(str(folder))


@dg.op
def speak(context: dg.OpExecutionContext) -> None:
    context.log.info("an invented word")


def run_in(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.JobDefinition(
        name="talk", graph_def=dg.GraphDefinition(name="talk", node_defs=[speak])
    ).execute_in_process(instance=instance)


def messages(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [event.message for event in instance.all_logs(run_id)]


@pytest.mark.parametrize(("first", "then"), [("", OURS), (OURS, "")], ids=["added", "removed"])
def test_the_lines_in_dagster_yaml_can_be_added_and_removed_at_any_time(tmp_path: Path, first: str, then: str) -> None:
    with instance_at(tmp_path, first) as instance:
        earlier = run_in(instance).run_id
        written = messages(instance, earlier)
    with instance_at(tmp_path, then) as instance:
        assert isinstance(instance.event_log_storage, KeptConnectionsEventLog) == bool(then)
        assert messages(instance, earlier) == written
        assert "an invented word" in written
        later = run_in(instance).run_id
        assert len(messages(instance, later)) == len(written)
    files = {path.stem for path in (tmp_path / "history" / "runs").glob("*.db")}
    assert files == {"index", earlier, later}


def test_a_file_keeps_its_engine_from_one_event_to_the_next(tmp_path: Path) -> None:
    with instance_at(tmp_path) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, KeptConnectionsEventLog)

        def engine_of(run_id: str | None) -> sa.Engine:
            with storage.run_connection(run_id) if run_id else storage.index_connection() as connection:
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # no wait at each commit
                return connection.engine

        assert engine_of(None) is engine_of(None)
        first = engine_of("first-run")
        assert engine_of("first-run") is first
        engine_of("second-run")
        assert engine_of("first-run") is not first  # only the latest run's file stays open


def test_nothing_else_that_is_opened_meanwhile_waits_less_for_the_disk(tmp_path: Path) -> None:
    pcrt = sa.create_engine(f"sqlite:///{tmp_path / 'pcrt.db'}", poolclass=sa.NullPool)
    with instance_at(tmp_path / "home") as instance:
        run_in(instance)
        with pcrt.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_folder_of_its_own_can_be_configured(tmp_path: Path) -> None:
    with instance_at(tmp_path / "home", f"{OURS}  config:\n    base_dir: {tmp_path / 'events'}\n") as instance:
        run_id = run_in(instance).run_id
    assert (tmp_path / "events" / f"{run_id}.db").is_file()


def test_what_ran_before_can_be_forgotten(tmp_path: Path) -> None:
    with instance_at(tmp_path) as instance:
        run_id = run_in(instance).run_id
        instance.delete_run(run_id)
        assert messages(instance, run_id) == []
        assert run_in(instance).success


def test_dagster_still_has_what_the_storage_relies_on() -> None:
    storage = KeptConnectionsEventLog.__mro__[1]
    for name in ("run_connection", "index_connection", "conn_string_for_shard", "register_instance", "dispose"):
        assert callable(getattr(storage, name))
    assert storage.config_type().keys() == {"base_dir"}
