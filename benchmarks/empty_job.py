"""The least that a run of Dagster costs: a process that runs one trivial asset as `cwa-pipeline sync` runs its job."""

import sys

import dagster as dg


@dg.asset
def nothing() -> None:
    """An asset that does nothing."""


defs = dg.Definitions(
    assets=[nothing], jobs=[dg.define_asset_job("empty", dg.AssetSelection.all())], executor=dg.in_process_executor
)

if __name__ == "__main__":
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        sys.exit(not defs.resolve_job_def("empty").execute_in_process(run_config=quiet, instance=instance).success)
