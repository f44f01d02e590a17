"""What the measures rest on, proved on a small world before each run.

What belongs here: that the prepared server is understood just as the stand-in is. What must not: a measure.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from benchmarks import pages
from benchmarks.running import ACCOUNT, prepared_server
from benchmarks.worlds import PLAN_IDS, World, world
from cwa_pipeline.commands.demo.stand_in import Behaviour, Client, Computer, CwaWorld, Group, StandIn
from cwa_pipeline.config.environment import CwaCredentials
from cwa_pipeline.config.settings import CwaSettings
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.members import read_group_members
from cwa_pipeline.cwa.records import read_clients, read_computers, read_groups
from cwa_pipeline.rules.receipts import Reading

COMPUTERS = 2_500  # three pages, the last one short


def prepared_server_is_read_as_the_stand_in_is() -> None:
    """The same frames and counts from both, whether the server sends a Total-Count or not; AssertionError when not."""
    small = world(COMPUTERS)
    credentials = CwaCredentials.from_environment(ACCOUNT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages.prepare(small, folder)
        for total_count, option in ((True, []), (False, ["--no-total-count"])):
            behaviour = Behaviour(total_count=total_count, include_fields="ignored")
            with StandIn(_served(small), behaviour, credentials=credentials) as stand_in:
                expected = _readings(stand_in.url, credentials)
            with prepared_server(folder, *option) as url:
                found = _readings(url, credentials)
            for one, other in zip(expected, found, strict=True):
                pd.testing.assert_frame_equal(one.frame, other.frame)
                assert (one.counted, one.counted_by) == (other.counted, other.counted_by)  # noqa: S101


def _readings(url: str, credentials: CwaCredentials) -> list[Reading]:
    with CwaClient(url, credentials, connections=CwaSettings(url=url).connections) as cwa:
        plans = sorted(PLAN_IDS.values())
        return [read_clients(cwa), read_computers(cwa), read_groups(cwa), read_group_members(cwa, plans)]


def _served(small: World) -> CwaWorld:
    return CwaWorld(
        clients=[Client(*row) for row in _rows(small.clients)],
        computers=[_computer(row) for row in _rows(small.computers)],
        groups=[Group(*row) for row in _rows(small.groups)],
        memberships=set(_rows(small.members)),
    )


def _computer(row: tuple) -> Computer:
    number, name, client_id, serial, tag, contact, user, make = row
    moment = None if contact == pages.NEVER else datetime.fromisoformat(contact).replace(tzinfo=UTC)
    return Computer(number, name, client_id, serial, tag, moment, user, make)


def _rows(frame: pd.DataFrame) -> list[tuple]:
    return list(frame.astype("object").where(frame.notna(), None).itertuples(index=False, name=None))
