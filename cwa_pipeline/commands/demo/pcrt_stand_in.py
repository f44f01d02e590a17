"""A PCRT database for the demo and the tests: the tables of a stock install with the BizCare customisation.

Works on SQLite, MariaDB and MySQL, there with MyISAM (as in old shops) or InnoDB.
"""

from dataclasses import dataclass, field
from typing import Any

import phpserialize
import sqlalchemy as sa

SERIAL_FIELD = 104  # the id of the serial number's field in a stock install


@dataclass(frozen=True)
class PcrtGroup:
    """A customer."""

    group_id: int
    name: str


@dataclass(frozen=True)
class Pcid:
    """A machine. `extra` replaces the serialised field, for a broken one."""

    pcid: int
    name: str
    group_id: int = 0
    serial_number: str | None = None
    make: str = ""
    extra: str | None = None


@dataclass(frozen=True)
class Subscription:
    """A subscription; `cwa_group` is '' when unset."""

    subscription_id: int
    name: str
    group_id: int = 0
    pcid: int = 0
    cwa_group: str = ""
    additional_members: str | None = ""
    active: int = 1


@dataclass
class PcrtWorld:
    """The content of a PCRT database."""

    groups: list[PcrtGroup] = field(default_factory=list)
    pcids: list[Pcid] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)


def pcrt_tables(storage_engine: str = "MyISAM", charset: str = "utf8mb4") -> sa.MetaData:
    """The tables; `storage_engine` and `charset` only matter on MariaDB and MySQL."""
    metadata = sa.MetaData()
    options: dict[str, Any] = {"mysql_engine": storage_engine, "mysql_charset": charset}
    text: dict[str, Any] = {"nullable": False, "server_default": ""}
    sa.Table(
        "pc_group",
        metadata,
        sa.Column("pcgroupid", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("pcgroupname", sa.String(200), **text),
        **options,
    )
    sa.Table(
        "pc_owner",
        metadata,
        sa.Column("pcid", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("pcname", sa.String(200), **text),
        sa.Column("pcmake", sa.String(200), **text),
        sa.Column("pcgroupid", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pcextra", sa.Text, nullable=False),
        **options,
    )
    sa.Table(
        "subscriptions",
        metadata,
        sa.Column("subid", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("subname", sa.Text, nullable=False),
        sa.Column("pcgroupid", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pcid", sa.Integer, nullable=False, server_default="0"),
        sa.Column("cwagroup", sa.Text, nullable=False),
        sa.Column("additionalmembers", sa.Text, nullable=True),
        sa.Column("subactive", sa.Integer, nullable=False, server_default="1"),
        **options,
    )
    return metadata


def fill_pcrt(url: sa.URL, world: PcrtWorld, storage_engine: str = "MyISAM", charset: str = "utf8mb4") -> None:
    """Create the tables in an empty database and fill them."""
    engine = sa.create_engine(url)
    metadata = pcrt_tables(storage_engine, charset)
    metadata.create_all(engine)
    rows: dict[str, list[dict[str, object]]] = {
        "pc_group": [{"pcgroupid": group.group_id, "pcgroupname": group.name} for group in world.groups],
        "pc_owner": [
            {
                "pcid": pcid.pcid,
                "pcname": pcid.name,
                "pcmake": pcid.make,
                "pcgroupid": pcid.group_id,
                "pcextra": serialised(pcid),
            }
            for pcid in world.pcids
        ],
        "subscriptions": [
            {
                "subid": subscription.subscription_id,
                "subname": subscription.name,
                "pcgroupid": subscription.group_id,
                "pcid": subscription.pcid,
                "cwagroup": subscription.cwa_group,
                "additionalmembers": subscription.additional_members,
                "subactive": subscription.active,
            }
            for subscription in world.subscriptions
        ],
    }
    with engine.begin() as connection:
        for table, records in rows.items():
            if records:
                connection.execute(metadata.tables[table].insert(), records)
    engine.dispose()


def serialised(pcid: Pcid) -> str:
    """The machine's extra fields as PHP stores them: a memory size, and the serial number if there is one."""
    if pcid.extra is not None:
        return pcid.extra
    fields = {100: "16 GB"} | ({} if pcid.serial_number is None else {SERIAL_FIELD: pcid.serial_number})
    return phpserialize.dumps(fields).decode()
