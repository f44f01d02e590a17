"""Many shops on three hosts, for real: `make many-hosts`. Nights fired by the schedules, one host cut off, one code server killed.

CWA_SHOPS says how many (30), CWA_RUNS_AT_ONCE with which limits the speed is measured (4 2 1).
"""

import json
import os
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy.engine import URL

from cwa_pipeline_tests.many_hosts import shops
from cwa_pipeline_tests.many_hosts.hosts import GATEWAY, hosts, kill_group
from cwa_pipeline_tests.many_hosts.nights import night
from cwa_pipeline_tests.many_hosts.provider import VIEWER, Provider, provider, wait_until
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer

SHOPS = int(os.environ.get("CWA_SHOPS", "30"))
RUNS_AT_ONCE = [int(number) for number in os.environ.get("CWA_RUNS_AT_ONCE", "4 2 1").split()]
NIGHT_SECONDS = 900
EDITED = 501  # the list that somebody undoes each day
COVERED = {
    501: "_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_",
    502: "_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_",
}

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, URL]]:
    folder = tmp_path_factory.mktemp("many_hosts")
    with hosts(3) as (gateway, three):
        print(f"\nthree hosts: {'network namespaces' if gateway == GATEWAY else 'this machine, on loopback'}")
        server = PostgresqlServer.start(folder / "postgresql", GATEWAY if gateway == GATEWAY else None)
        try:
            storage, warehouse = (server.new_database().set(host=gateway) for _ in range(2))
            with provider(folder, three, SHOPS, storage, warehouse) as made:
                yield made, warehouse
        finally:
            for host in three:
                host.stop()
            server.stop()


def check_lists(made: Provider, warehouse: URL) -> None:
    """Every list is right, and none was ever written without a reason: no two writes without a hand's edit between them."""
    address = warehouse.set(host="127.0.0.1").render_as_string(hide_password=False)
    with psycopg.connect(address, row_factory=dict_row) as connection:
        for site in made.sites:
            assert shops.lists(made.home(site)) == COVERED, site
            changes = [(before, after) for subid, before, after in shops.written(made.home(site)) if subid == EDITED]
            ours = [before for before, after in changes if after == COVERED[EDITED]]
            assert COVERED[EDITED] not in ours, f"{site}: a list that was right was written"
            rows = connection.execute(
                f"SELECT run_id, subscription_id FROM {site}.additional_members_ledger WHERE status = 'written'"
            ).fetchall()
            twice = Counter((row["run_id"], row["subscription_id"]) for row in rows)
            assert set(twice.values()) == {1}, f"{site}: a run wrote a list twice"
            of_the_edited = sum(row["subscription_id"] == EDITED for row in rows)
            assert of_the_edited <= len(ours), f"{site}: the ledger has a write that was none"


def test_a_viewer_sees_every_site_and_may_start_nothing(everything: tuple[Provider, URL]) -> None:
    made, _ = everything
    seen = str(made.ask("{ assetNodes { assetKey { path } } }", VIEWER))
    assert [site for site in made.sites if f"'{site}', 'open_issues'" not in seen] == []
    state = next(iter(made.schedules().values()))
    query = "mutation($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
    assert "UnauthorizedError" in str(made.ask(query, VIEWER, id=state))


def test_a_killed_code_server_and_a_host_that_is_cut_off_delay_no_other_site_and_the_next_night_is_right(
    everything: tuple[Provider, URL],
) -> None:
    made, warehouse = everything
    made.restart_daemon(on_a_host=2)  # as this machine plays all three
    killed, lost_host = next(iter(made.sites)), made.hosts[2]
    on_lost_host = {site for site, host in made.sites.items() if host is lost_host}
    tonight = night(made)

    wait_until(lambda: killed in tonight.under_way(), 300, "a sync to be under way whose code server is to be killed")
    kill_group(made.code_servers[killed])
    wait_until(lambda: bool(tonight.under_way() & on_lost_host), 300, "a sync on the host that is to be cut off")
    under_way = sorted(tonight.under_way() & on_lost_host)
    lost_host.cut_off()
    others = set(made.sites) - on_lost_host - {killed}
    wait_until(lambda: tonight.succeeded(others), NIGHT_SECONDS, "the other sites' syncs")
    unsuccessful = tonight.unsuccessful()
    print(
        f"\nKILLED {killed}; CUT OFF under way {under_way}; all others finished while these had not: {sorted(unsuccessful)}"
    )
    assert killed in unsuccessful
    assert unsuccessful & on_lost_host
    assert unsuccessful <= on_lost_host | {killed}

    lost_host.mend()
    made.start_code_server(killed)
    wait_until(tonight.settled, NIGHT_SECONDS, "what was under way or waited to be settled")
    print(f"SETTLED; without a success that night: {sorted(tonight.unsuccessful()) or 'none'}")
    next_night = night(made)
    wait_until(next_night.settled, NIGHT_SECONDS, "every shop's sync of the next night")
    assert next_night.unsuccessful() == set()
    check_lists(made, warehouse)


@pytest.mark.parametrize("runs_at_once", RUNS_AT_ONCE)
def test_every_shop_is_synced_by_its_schedule_and_the_nights_are_measured(
    everything: tuple[Provider, URL], runs_at_once: int
) -> None:
    made, warehouse = everything
    made.restart_daemon(runs_at_once=runs_at_once)
    tonight = night(made)
    wait_until(tonight.settled, NIGHT_SECONDS, "every shop's sync")
    assert tonight.unsuccessful() == set()
    assert {site: len(runs) for site, runs in tonight.runs().items() if len(runs) != 1} == {}
    check_lists(made, warehouse)
    seconds = tonight.seconds()
    figures = {"shops": SHOPS, "at_once": runs_at_once, "s": round(seconds), "per_hour": round(SHOPS / seconds * 3600)}
    print(f"\nMEASURED {json.dumps(figures)}, load {os.getloadavg()[0]:.1f}")
