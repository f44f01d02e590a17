"""Mutations of what the pipeline reads: junk in place of one value of one record, or of one key of the configuration."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cwa_pipeline.commands.demo.stand_in import StandIn

LONG = "x" * 4000

# In place of a value of a CWA record, as JSON has it.
JSON_JUNK: Sequence[Any] = (
    None, "", " ", "0", 0, -1, "-1", 1.5, "1.5", 1e308, 2**63, "9" * 40, True, False, "abc", LONG, "\0", "a\0b", "\ud800",
    "١٢", "104", 104, "1031", 105, [], {}, [[[[]]]], {"Id": {"Id": []}}, [None], "0001-01-01T00:00:00",
    "9999-12-31T23:59:59+23:59",
    "2026-13-45T99:99:99", "2026-02-30", "2026-01-07T20:16:34Z", "yesterday", "<b>&amp;", "'; DROP TABLE subscriptions; --", float("nan"),
)  # fmt: skip
GONE = object()  # the field is not there at all

CWA_FIELDS: Mapping[str, Sequence[str]] = {
    "/v1/Clients": ("Id", "Name", "ExternalId"),
    "/v1/Computers": ("Id", "ComputerName", "Client", "Client.Id", "SerialNumber", "AssetTag", "RemoteAgentLastContact",
        "LastUserName"),
    "/v1/Groups": ("Id", "Name"),
    "/v1/GroupComputers": ("Id", "GroupId", "ComputerId"),
}  # fmt: skip

# In place of a value of a PCRT row, as SQL has it.
SQL_JUNK: Sequence[str] = (
    "NULL", "''", "' '", "0", "-1", "1.5", "1e308", "9223372036854775807", "99999999999999999999999", "'abc'", "'1031'", "' 104 '",
    "104", "x'ff00fe'", "CAST(x'41ff' AS TEXT)", "CAST(x'610062' AS TEXT)", "CAST(x'eda080' AS TEXT)", f"'{LONG}'", "'1_000'", "'0x1F'",
    "'BizCare Plus'", "'851'", "'a:1:{i:104;s:9:\"cut sho'", "'a:1:{i:104;s:3:\"' || 'abcdef' || '\";}'", "'a:1:{i:104;a:0:{}}'",
    "'a:9999999:{i:104;N;}'", "'O:8:\"stdClass\":0:{}'", "'a:1:{i:104;s:8:\"EX00034Q\";}'", "'_1031_1031_'", "'1031,1032'", "'_abc_'",
    "'_-5_'",
    "'__'", "'[1031]'", "'_99999999999999999999_'", "'_0_'", "'_ 1031 _'",
)  # fmt: skip

PCRT_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "groups": {"group_id": "pcgroupid", "name": "pcgroupname"},
    "pcids": {"pcid": "pcid", "name": "pcname", "make": "pcmake", "group_id": "pcgroupid", "extra": "pcextra"},
    "subscriptions": {
        "subscription_id": "subid", "name": "subname", "group_id": "pcgroupid", "pcid": "pcid", "cwa_group": "cwagroup",
        "additional_members": "additionalmembers", "active": "subactive",
    },
}  # fmt: skip
PCRT_TABLES = {
    "groups": ("pc_group", "pcgroupid"),
    "pcids": ("pc_owner", "pcid"),
    "subscriptions": ("subscriptions", "subid"),
}


@dataclass(frozen=True)
class CwaMutation:
    """One record of one list of CWA, changed each time it is served."""

    path: str
    record: int  # which of the list, counted from 0
    change: str  # a field, or "record" for the whole
    junk: Any

    def __str__(self) -> str:
        junk = "gone" if self.junk is GONE else repr(self.junk)[:40]
        return f"CWA {self.path} [{self.record}] {self.change} = {junk}"

    def serve(self, server: StandIn) -> list[Any]:
        """Serve it from now on; the list fits on one page, so the position there names the record.

        Returns the records in question as they would have been served, which fills as they are asked for.
        """
        page: Callable[[Any], tuple[str, int]] = server.page
        seen: list[Any] = []

        def mutated(request: Any) -> tuple[str, int]:
            body, total = page(request)
            records = json.loads(body)
            if request.path.casefold().endswith(self.path.casefold()) and self.record < len(records):
                seen.append(json.loads(body)[self.record])
                self._mutate(records)
            return json.dumps(records), total

        server.page = mutated  # type: ignore[method-assign]
        return seen

    def _mutate(self, records: list[Any]) -> None:
        field, _, within = self.change.partition(".")
        if field == "record":
            records[self.record : self.record + 1] = [] if self.junk is GONE else [self.junk]
        elif field == "twice":
            records.append(records[self.record])
        else:
            holder, name = (records[self.record].get(field, {}), within) if within else (records[self.record], field)
            if self.junk is GONE:
                holder.pop(name, None)
            else:
                holder[name] = self.junk


@dataclass(frozen=True)
class PcrtMutation:
    """One value of one row of PCRT, changed by the SQL that reads it."""

    query: str
    key: int
    column: str
    junk: str

    def __str__(self) -> str:
        return f"PCRT {self.query} {self.key} {self.column} = {self.junk[:40]}"

    def is_bytes(self) -> bool:
        """Whether the junk is bytes, maybe no UTF-8, which a test could not read back."""
        return "x'" in self.junk

    def toml(self) -> str:
        """The query that gives the junk in place of the value, and all other values as they are."""
        table, id_column = PCRT_TABLES[self.query]
        values = dict(PCRT_COLUMNS[self.query])
        values[self.column] = f"CASE WHEN {id_column} = {self.key} THEN {self.junk} ELSE {values[self.column]} END"
        columns = ", ".join(f"{value} AS {name}" for name, value in values.items())
        return f"pcrt.{self.query} = {json.dumps(f'SELECT {columns} FROM {table}')}\n"


def cwa_mutations(rng: random.Random, sizes: Mapping[str, int], how_many: int) -> list[CwaMutation]:
    """So many different ones; `sizes` says how long each list is."""
    found: dict[str, CwaMutation] = {}
    while len(found) < how_many:
        path = rng.choice(list(CWA_FIELDS))
        change = rng.choice([*CWA_FIELDS[path], *CWA_FIELDS[path], "record", "twice"])
        junk = GONE if rng.random() < 0.1 else rng.choice(JSON_JUNK)
        mutation = CwaMutation(path, rng.randrange(sizes[path]), change, None if change == "twice" else junk)
        found[str(mutation)] = mutation
    return list(found.values())


def pcrt_mutations(rng: random.Random, keys: Mapping[str, Sequence[int]], how_many: int) -> list[PcrtMutation]:
    """So many different ones; `keys` are the ids of each query's rows."""
    found: dict[str, PcrtMutation] = {}
    while len(found) < how_many:
        query = rng.choice(["groups", "pcids", "pcids", "subscriptions", "subscriptions"])
        mutation = PcrtMutation(
            query, rng.choice(keys[query]), rng.choice(list(PCRT_COLUMNS[query])), rng.choice(SQL_JUNK)
        )
        found[str(mutation)] = mutation
    return list(found.values())


# --- the configuration ------------------------------------------------------------------------------------------------

KEYS = (
    "cwa.url", "cwa.plans", "pcrt.groups", "pcrt.pcids", "pcrt.serial_field", "pcrt.subscriptions", "pcrt.bizcare_prefix",
    "pcrt.additional_members.table", "pcrt.additional_members.key", "pcrt.additional_members.column",
    "pcrt.additional_members.format", "sync.additional_members", "sync.dry_run", "guards.max_source_drop", "guards.max_removed_share",
    "guards.min_removed", "guards.max_total_removed_share", "guards.min_total_removed", "schedule.cron", "schedule.timezone",
    "links.pcid", "cwa", "pcrt", "sync", "guards", "links",
)  # fmt: skip
TOML_JUNK = (
    "-1", "0", "1", "1.5", "nan", "inf", "9223372036854775807", "true", "false", '""', '" "', '"x"', f'"{LONG}"', '"\\u0000"', '"a\\nb"',
    "[]", "[[]]", "{}", "{x = 1}", "2026-01-07", '["BizCare Plus"]', '["BizCare Plus", 1]', '"SELECT 1"', '"subid"', '"%s {0} :x %(x)s"',
    '"../../etc"', '"http://[::1"', '"https://"', "unquoted", "'''", '"\\ud800"',
)  # fmt: skip
# What is likely to be typed, or done to us, by hand.
BY_HAND = (
    'pcrt.groups = "SELECT pcgroupid AS group_id, pcgroupname AS name FROM pc_group;; DROP TABLE pc_group"',
    'pcrt.groups = "SELECT pcgroupid AS group_id, pcgroupname AS name FROM pc_group -- all"',
    'pcrt.groups = "SELECT pcgroupid AS group_id, pcgroupname AS name FROM pc_group WHERE 0"',
    'pcrt.groups = "SELECT 1 AS group_id, 2 AS group_id, 3 AS name"',
    'pcrt.groups = "SELECT pcgroupid + 0.5 AS group_id, pcgroupname AS name FROM pc_group"',
    'pcrt.groups = "WITH x AS (SELECT 1) DELETE FROM pc_group"',
    'pcrt.pcids = "SELECT pcid, pcname AS name, pcmake AS make, pcgroupid AS group_id, pcextra AS extra FROM pc_owner, pc_group"',
    'pcrt.pcids = "SELECT * FROM pc_owner"',
    'pcrt.pcids = "SELECT pcid, pcname AS name, pcmake AS make, pcgroupid AS group_id, pcid AS serial_number FROM pc_owner"',
    'pcrt.subscriptions = "SELECT * FROM subscriptions LIMIT"',
    'pcrt.subscriptions = "UPDATE subscriptions SET additionalmembers = NULL"',
    'pcrt.subscriptions = "SELECT subid AS subscription_id, subname AS name, pcgroupid AS group_id, pcid, cwagroup AS cwa_group, '
    'subname AS additional_members, subactive AS active FROM subscriptions"',
    'pcrt.subscriptions = "SELECT subid AS subscription_id, subname AS name, pcgroupid AS group_id, pcid, cwagroup AS cwa_group, '
    "additionalmembers AS additional_members, 'yes' AS active FROM subscriptions\"",
    'pcrt.subscriptions = "SELECT subid + 1 AS subscription_id, subname AS name, pcgroupid AS group_id, pcid, cwagroup AS cwa_group, '
    'additionalmembers AS additional_members, subactive AS active FROM subscriptions"',
    'pcrt.additional_members.table = "pc_owner"',
    'pcrt.additional_members.table = "main.subscriptions"',
    'pcrt.additional_members.table = "a.b.c"',
    'pcrt.additional_members.key = "pcgroupid"',
    'pcrt.additional_members.column = "subactive"',
    'pcrt.additional_members.column = "additionalmembers = NULL --"',
    "[cwa]\nurl = 1",
    "[[cwa]]\n",
    "\ufeff[pcrt]",
    "[pcrt]\nserial_feild = 104",
)


def configurations(rng: random.Random, how_many: int) -> list[str]:
    """So many different ones, the ones by hand first: each is what follows the address of CWA in the file."""
    found = dict.fromkeys(BY_HAND)
    while len(found) < how_many:
        found[f"{rng.choice(KEYS)} = {rng.choice(TOML_JUNK)}"] = None
    return list(found)[:how_many]


# Each in place of one variable of the environment.
ENVIRONMENTS: Sequence[tuple[str, str]] = (
    ("PCRT_DATABASE_URL", ""),
    ("PCRT_DATABASE_URL", "nonsense"),
    ("PCRT_DATABASE_URL", "sqlite:///"),
    ("PCRT_DATABASE_URL", "sqlite:////nowhere/pcrt.db"),
    ("PCRT_DATABASE_URL", "mysql+pymysql://u:swordfish@127.0.0.1:9/pcrt"),
    ("PCRT_DATABASE_URL", "mysql://u:swordfish@127.0.0.1:notaport/x"),
    ("PCRT_DATABASE_URL", "oracle://u:swordfish@h/d"),
    ("PCRT_DATABASE_URL", "mysql+nodriver://u:swordfish@127.0.0.1:9/x"),
    ("WAREHOUSE_URL", "sqlite:////nowhere/w.db"),
    ("WAREHOUSE_URL", "sqlite:////proc/version"),
    ("WAREHOUSE_URL", "postgresql://u:swordfish@127.0.0.1:9/w"),
    ("WAREHOUSE_URL", "mysql://u:swordfish@h/d"),
    ("WAREHOUSE_URL", "sqlite:///:memory:"),
    ("CWA_USERNAME", ""),
    ("CWA_USERNAME", "né\u2028"),
    ("CWA_PASSWORD", " "),
    ("CWA_PASSWORD", "\u2603"),
    ("CWA_CLIENT_ID", "line\nbreak"),
    ("CWA_CLIENT_ID", "\u2603"),
    ("CWA_PIPELINE_CONFIG", "/"),
)
