"""Dagster's files are held while a run lasts, let go when it ends, and hold the same events as ever; no other file is touched."""

from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from cwa_pipeline.assets.event_log import held_open


def instance_at(folder: Path) -> dg.DagsterInstance:
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return dg.DagsterInstance.from_config(str(folder))


def logs_of_wal(folder: Path) -> set[str]:
    return {path.name.partition(".db")[0] for path in folder.rglob("*.db-wal")}


@dg.op
def speak(context: dg.OpExecutionContext) -> None:
    context.log.info("an invented word")


def run_of(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.JobDefinition(
        name="talk", graph_def=dg.GraphDefinition(name="talk", node_defs=[speak])
    ).execute_in_process(instance=instance)


def test_a_runs_files_are_not_folded_up_after_each_event_and_are_when_it_ends(tmp_path: Path) -> None:
    with instance_at(tmp_path / "home") as instance:
        run_id = run_of(instance).run_id
        assert run_id not in logs_of_wal(tmp_path)
        with held_open(instance):
            instance.report_engine_event("an invented event", run_id=run_id, job_name="talk")
            assert run_id in logs_of_wal(tmp_path)
            assert "an invented event" in [event.message for event in instance.all_logs(run_id)]
        assert run_id not in logs_of_wal(tmp_path)
        assert "an invented event" in [event.message for event in instance.all_logs(run_id)]


def test_only_commits_of_events_do_not_wait_for_the_disk_and_only_while_the_files_are_held(tmp_path: Path) -> None:
    pcrt = sa.create_engine(f"sqlite:///{tmp_path / 'pcrt.db'}", poolclass=sa.NullPool)

    def synchronous() -> tuple[int, int]:
        """PRAGMA synchronous for an event and for PCRT: 2 waits for the disk at each commit, 1 when the log is moved."""
        with instance.event_log_storage.index_connection() as events, pcrt.connect() as rows:
            return tuple(connection.exec_driver_sql("PRAGMA synchronous").scalar() for connection in (events, rows))

    with instance_at(tmp_path / "home") as instance:
        assert synchronous() == (2, 2)
        with held_open(instance), held_open(instance):
            assert synchronous() == (1, 2)
        assert synchronous() == (2, 2)


def test_each_file_has_one_engine_and_only_while_it_is_held(tmp_path: Path) -> None:
    def engines() -> set[sa.Engine]:
        found = set()
        for _ in range(2):
            with instance.event_log_storage.index_connection() as events:
                assert events.exec_driver_sql("SELECT 1").scalar() == 1
                found.add(events.engine)
        return found

    with instance_at(tmp_path / "home") as instance:
        assert len(engines()) == 2
        with held_open(instance):
            of_all_runs = engines()
            with held_open(instance):
                assert engines() == of_all_runs
        assert len(of_all_runs) == 1
        assert engines().isdisjoint(of_all_runs)


def test_where_dagster_keeps_events_in_memory_there_is_nothing_to_hold() -> None:
    with dg.DagsterInstance.ephemeral() as instance, held_open(instance):
        assert run_of(instance).success
