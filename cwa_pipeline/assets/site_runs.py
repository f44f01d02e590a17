"""Refuses a second site of the same name in one Dagster. Their asset keys would be the same, and so would their history."""

import dagster as dg

from cwa_pipeline.assets.jobs import CWA_TAG, SITE_TAG
from cwa_pipeline.errors import SettingsError

RUNS_LOOKED_AT = 20  # more than two weeks of nights; an older site may have been renamed on purpose


def refuse_a_second_site_of_this_name(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Raise SettingsError when another code location with another CWA server has succeeded with a site of this name.

    Only runs that succeeded count, so that the first site goes on while the second is refused.
    """
    site, location = run.tags.get(SITE_TAG), code_location(run)
    if site is None or location is None:
        return  # a run of the command line; the warehouse tells such sites apart
    same_name = dg.RunsFilter(job_name=run.job_name, tags={SITE_TAG: site}, statuses=[dg.DagsterRunStatus.SUCCESS])
    for other in instance.get_runs(same_name, limit=RUNS_LOOKED_AT):
        elsewhere = code_location(other) not in {None, location}
        if elsewhere and other.tags.get(CWA_TAG) != run.tags.get(CWA_TAG):
            raise SettingsError(
                f"[site] name: there are two sites {site} in this Dagster: the code location {code_location(other)} syncs "
                f"{other.tags.get(CWA_TAG)}, and {location} {run.tags.get(CWA_TAG)}; give one of them another name"
            )


def code_location(run: dg.DagsterRun) -> str | None:
    """The name of the code location that a run is of; None for a run of the command line."""
    origin = run.remote_job_origin
    return origin.repository_origin.code_location_origin.location_name if origin else None
