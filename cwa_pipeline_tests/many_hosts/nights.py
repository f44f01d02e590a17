"""One night of a provider of many shops: every schedule ticks once. And what became of the runs."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from cwa_pipeline.assets.jobs import SITE_TAG
from cwa_pipeline_tests.many_hosts import shops
from cwa_pipeline_tests.many_hosts.provider import Provider, wait_until

SCHEDULE_TAG = "dagster/schedule_name"


@dataclass(frozen=True)
class Night:
    """The runs that came after the ones that are known."""

    of: Provider
    known: frozenset[str]

    def runs(self) -> dict[str, list[dg.DagsterRun]]:
        """site -> its syncs tonight, the newest first."""
        runs: dict[str, list[dg.DagsterRun]] = {site: [] for site in self.of.sites}
        for run in self.of.instance.get_runs():
            if run.run_id not in self.known and run.job_name.endswith("_nightly_sync"):
                runs[run.tags[SITE_TAG]].append(run)
        return runs

    def ticked(self) -> bool:
        """Whether every site's schedule has asked for its run."""
        return all(any(SCHEDULE_TAG in run.tags for run in runs) for runs in self.runs().values())

    def succeeded(self, sites: set[str]) -> bool:
        """Whether each of these sites has a successful sync tonight."""
        return self.unsuccessful().isdisjoint(sites)

    def unsuccessful(self) -> set[str]:
        return {site for site, runs in self.runs().items() if not any(run.is_success for run in runs)}

    def under_way(self) -> set[str]:
        return {site for site, runs in self.runs().items() if any(run.status.value == "STARTED" for run in runs)}

    def settled(self) -> bool:
        """Whether no run is to come or under way any more; one that failed with its host is started again once, which takes a moment."""
        return all(
            run.is_finished
            and (run.tags.get("dagster/will_retry") != "true" or run.tags.get("dagster/auto_retry_run_id"))
            for runs in self.runs().values()
            for run in runs
        )

    def seconds(self) -> float:
        """From the first run's start to the last one's end."""
        records = [one for one in self.of.instance.get_run_records() if one.dagster_run.run_id not in self.known]
        starts = [one.start_time for one in records if one.start_time is not None]
        return max(one.end_time for one in records if one.end_time is not None) - min(starts)


def night(of: Provider) -> Night:
    """A day passes, and every schedule ticks once; returns when the runs were asked for."""
    for site in of.sites:
        shops.a_day_passes(of.home(site))
    while not 2 <= datetime.now(UTC).second <= 35:  # switched on within this minute, all of them tick at the next
        time.sleep(0.5)
    begun = Night(of, frozenset(run.run_id for run in of.instance.get_runs()))
    of.start_schedules()
    assert datetime.now(UTC).second < 58, "the schedules took too long to be switched on"
    wait_until(begun.ticked, 120, "every schedule to tick")
    of.stop_schedules()
    return begun
