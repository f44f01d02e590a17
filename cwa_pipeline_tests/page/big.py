"""A shop with 10,000 issues, as the frames that its first sync would leave."""

import pandas as pd

from cwa_pipeline.commands.demo.msp import PLUS
from cwa_pipeline.page import renew
from cwa_pipeline.rules import history
from cwa_pipeline.rules.suggestions import suggestions
from cwa_pipeline.tables import AdditionalMembers, IssueHistory, IssueSnoozes, SyncFailures, SyncRuns
from cwa_pipeline_tests import worlds

BIG_ISSUES = 10_000


def first_sync(world: worlds.World) -> dict[str, pd.DataFrame]:
    """All that the page reads, as the first sync of a world would leave it, apart from the lists."""
    own = [
        name for name in (*renew.CHAIN_TABLES, *renew.ISSUE_TABLES) if name not in ("pcrt_groups", "additional_members")
    ]
    tables = {name: getattr(world, name) for name in own} | {"pcrt_groups": world.groups_of_pcrt}
    issue_tables = (tables["client_issues"], tables["computer_issues"], tables["group_issues"])
    seen = pd.Timestamp.now(tz="UTC").floor("s")
    opened = history.issue_history(IssueHistory.empty(), *issue_tables, seen)
    suggested = suggestions.match_suggestions(
        world.cwa_computers, world.computer_matches, world.pcrt_pcids, world.serial_blacklist
    )
    empty = {"additional_members": AdditionalMembers, "issue_snoozes": IssueSnoozes, "sync_failures": SyncFailures}
    runs = pd.DataFrame([{"run_id": "x", "finished_at": seen, "wrote": True}])
    return {
        **tables,
        **{name: table.empty() for name, table in empty.items()},
        "match_suggestions": suggested,
        "issue_history": opened,
        "open_issues": history.open_issues(*issue_tables, opened),
        "sync_runs": SyncRuns.validate(runs),
    }


def big_world() -> worlds.World:
    """9,000 computers of 300 clients, none of them right: serial numbers that PCRT has otherwise, and every eighth in no plan."""
    clients = [worlds.Client(number, str(number), f"Client {number} & Sons") for number in range(1, 301)]
    numbers = range(1, 9001)
    return worlds.World(
        clients=clients,
        computers=[
            worlds.Computer(
                each, each % 300 + 1, f"SN{each * 7919:09}", None, f"DESKTOP-{each:05}", last_user=f"user{each}"
            )
            for each in numbers
        ],
        groups=[worlds.CwaGroup(850, PLUS)],
        members=[(each, 850) for each in numbers if each % 8],
        pcrt_groups=[worlds.PcrtGroup(number, f"Client {number} & Sons") for number in range(1, 301)],
        pcids=[
            worlds.Pcid(10_000 + each, each % 300 + 1, f"SN{each * 7919:09}"[:-1], f"PC {each}") for each in numbers
        ],
        subscriptions=[worlds.Subscription(number, number, PLUS) for number in range(1, 301)],
    )
