"""The shops of one host: their CWA servers on the host's loopback and their PCRT databases, served until the process is killed."""

import sqlite3
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from cwa_pipeline.commands.demo.msp import TOMS_GARAGE, invented_msp
from cwa_pipeline.commands.demo.pcrt_stand_in import fill_pcrt
from cwa_pipeline.commands.demo.run import environment
from cwa_pipeline.commands.demo.stand_in import Behaviour, StandIn

LATENCY = 0.03  # seconds a request: a CWA server in the same town
READY = "ready"
EVERY_MINUTE = "* * * * *"
WRITES = """
CREATE TABLE writes (subid INTEGER, before TEXT, after TEXT);
CREATE TRIGGER log_writes AFTER UPDATE OF additionalmembers ON subscriptions
BEGIN INSERT INTO writes VALUES (NEW.subid, OLD.additionalmembers, NEW.additionalmembers); END;
"""


def serve(folder: Path, warehouse: str, sites: list[str]) -> None:
    """Make each site's folder with its configuration and credentials, and answer for its CWA server for ever."""
    servers = []
    for site in sites:
        home = folder / site
        (home / "credentials").mkdir(parents=True)
        cwa, pcrt = invented_msp()
        pcrt_url = sa.URL.create("sqlite", database=str(home / "pcrt.db"))
        fill_pcrt(pcrt_url, pcrt)
        with sqlite3.connect(home / "pcrt.db") as connection:
            connection.executescript(WRITES)
        server = StandIn(cwa, Behaviour(latency=LATENCY))
        server.__enter__()
        servers.append(server)
        toml = f'cwa.url = "{server.url}"\nsite.name = "{site}"\nschedule.cron = "{EVERY_MINUTE}"\nschedule.timezone = "UTC"\n'
        (home / "cwa_pipeline.toml").write_text(toml, encoding="utf-8")
        for name, secret in environment(home, server, pcrt_url, sa.make_url(warehouse)).items():
            (home / "credentials" / name).write_text(f"{secret}\n", encoding="utf-8")
        (home / READY).touch()
    while True:
        time.sleep(3600)


def a_day_passes(home: Path) -> None:
    """Somebody undoes a list by hand, so that there is one thing to write tonight."""
    with sqlite3.connect(home / "pcrt.db", timeout=30) as connection:
        connection.execute("UPDATE subscriptions SET additionalmembers = '_1001_' WHERE subid = 501")


def lists(home: Path) -> dict[int, str]:
    """Additional Members of Tom's Garage as they are."""
    with sqlite3.connect(home / "pcrt.db", timeout=30) as connection:
        rows = connection.execute(
            "SELECT subid, additionalmembers FROM subscriptions WHERE pcgroupid = ?", (TOMS_GARAGE,)
        )
        return dict(rows.fetchall())


def written(home: Path) -> list[tuple[int, str, str]]:
    """Every change of a list there ever was, by whomever: subscription, before, after."""
    with sqlite3.connect(home / "pcrt.db", timeout=30) as connection:
        return connection.execute("SELECT subid, before, after FROM writes ORDER BY rowid").fetchall()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
