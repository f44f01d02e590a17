"""The end of a successful `cwa-pipeline sync`: the dead-man's switch is called, whether or not a Dagster daemon runs.

What belongs here: that, and nothing else of the alerts. What must not: anything that could fail the sync, which is over.
"""

import logging

from cwa_pipeline.alerts.ping import ping
from cwa_pipeline.config.environment import ping_url
from cwa_pipeline.errors import SettingsError

log = logging.getLogger(__name__)


def ping_after_success() -> None:
    """Call CWA_PING_URL when there is one; what keeps that from being done is only logged."""
    try:
        url = ping_url()
    except SettingsError as error:
        log.warning("%s", error)
        return
    if url is not None and (problem := ping(url)):
        log.warning("The sync succeeded, but %s", problem)
