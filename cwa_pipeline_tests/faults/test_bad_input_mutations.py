"""Mutated records, rows and configurations, one a sync: each ends in one clear line with PCRT unchanged, or in right lists."""

import os
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.pcrt_stand_in import PcrtWorld
from cwa_pipeline.config.environment import require_all
from cwa_pipeline.config.settings import DEFAULT_PLANS
from cwa_pipeline.errors import PipelineError
from cwa_pipeline.rules.members.lists import ListFormat, parse
from cwa_pipeline_tests.faults.conftest import Tally
from cwa_pipeline_tests.faults.mutations import (
    ENVIRONMENTS,
    CwaMutation,
    PcrtMutation,
    configurations,
    cwa_mutations,
    pcrt_mutations,
)
from cwa_pipeline_tests.shop import Shop, open_shop

SEED = 20261122
MUTATIONS_OF_CWA = 110
MUTATIONS_OF_PCRT = 110
CONFIGURATIONS = 100  # most are refused at once; what is left is tried by a sync
IN_SHORT = 1  # sync of each kind

Configuration = tuple[str, dict[str, str]]  # what is in the file, and what in the environment

# A line for a technician has no name of an exception or of a module, and no stack trace.
NOT_FOR_PEOPLE = re.compile(
    r"Traceback|\b[A-Z]\w*(?:Error|Exception)\b|\b(?:dagster|pandas|pyarrow|pydantic)\.\w", re.MULTILINE
)
SECRETS = ("swordfish",)


@contextmanager
def fresh_shop(folder: Path) -> Iterator[Shop]:
    with open_shop(folder, *invented_msp()) as shop:
        yield shop


def sampled(cases: list[Any], full: bool, rng: random.Random) -> list[Any]:
    return cases if full else rng.sample(cases, IN_SHORT)


@pytest.mark.timeout(1800)  # the full form is some hundred syncs
def test_a_mutated_record_of_cwa_ends_in_one_clear_line_or_in_right_lists(
    tmp_path: Path, tally: Tally, full: bool, right_lists: dict[int, str]
) -> None:
    rng = random.Random(SEED)
    cwa, _ = invented_msp()
    of_plans = {group.id for group in cwa.groups if group.name in DEFAULT_PLANS}
    sizes = {
        "/v1/Clients": len(cwa.clients),
        "/v1/Computers": len(cwa.computers),
        "/v1/Groups": len(cwa.groups),
        "/v1/GroupComputers": sum(group in of_plans for _, group in cwa.memberships),
    }
    wrong: dict[str, str] = {}
    for number, mutation in enumerate(sampled(cwa_mutations(rng, sizes, MUTATIONS_OF_CWA), full, rng)):
        with fresh_shop(tmp_path / str(number)) as shop:
            served = mutation.serve(shop.server)
            found = _what_is_wrong(shop, right_lists, lambda seen=served, of=mutation: _groups_of_records(of, seen))
        assert served, f"{mutation}: was never served"
        tally.add("mutated record of CWA", survived=not found, lost=int("list" in found))
        wrong |= {str(mutation): found} if found else {}
    assert not wrong


@pytest.mark.timeout(1800)
def test_a_mutated_row_of_pcrt_ends_in_one_clear_line_or_in_right_lists(
    tmp_path: Path, tally: Tally, full: bool, right_lists: dict[int, str]
) -> None:
    rng = random.Random(SEED + 1)
    _, pcrt = invented_msp()
    keys = {
        "groups": [group.group_id for group in pcrt.groups],
        "pcids": [pcid.pcid for pcid in pcrt.pcids],
        "subscriptions": [subscription.subscription_id for subscription in pcrt.subscriptions],
    }
    wrong: dict[str, str] = {}
    for number, mutation in enumerate(sampled(pcrt_mutations(rng, keys, MUTATIONS_OF_PCRT), full, rng)):
        with fresh_shop(tmp_path / str(number)) as shop:
            if mutation.column == "additional_members" and not mutation.is_bytes():  # an odd list stands in PCRT itself
                shop.pcrt(f"UPDATE subscriptions SET additionalmembers = {mutation.junk} WHERE subid = {mutation.key}")
            else:
                shop.configure(mutation.toml())
            groups = _groups_of_row(mutation, pcrt)
            found = _what_is_wrong(shop, right_lists, lambda of=groups: of)
        tally.add("mutated row of PCRT", survived=not found, lost=int("list" in found))
        wrong |= {str(mutation): found} if found else {}
    assert not wrong


@pytest.mark.timeout(1800)
def test_a_mutated_configuration_ends_in_one_clear_line_or_in_right_lists(
    tmp_path: Path, tally: Tally, full: bool, right_lists: dict[int, str]
) -> None:
    rng = random.Random(SEED + 2)
    cases: list[Configuration] = [(toml, {}) for toml in configurations(rng, CONFIGURATIONS)]
    cases += [("", {variable: value}) for variable, value in ENVIRONMENTS]
    found: dict[str, str] = {}
    loaded: list[Configuration] = []
    with fresh_shop(tmp_path / "refused") as shop:
        for case in cases:
            with _configured(shop, case):
                try:
                    require_all()
                except PipelineError as error:
                    found[str(case)] = _not_for_people(str(error).splitlines())
                else:
                    loaded.append(case)
    for number, case in enumerate(sampled(loaded, full, rng)):
        with fresh_shop(tmp_path / str(number)) as shop, _configured(shop, case):
            found[str(case)] = _what_is_wrong(shop, right_lists, lambda: None)
    for wrong in found.values():
        tally.add("mutated configuration", survived=not wrong, lost=int("list" in wrong))
    assert not {case: wrong for case, wrong in found.items() if wrong}


@contextmanager
def _configured(shop: Shop, case: Configuration) -> Iterator[None]:
    """Write the file, with the address of CWA unless the mutation has its own, and set the environment."""
    toml, variables = case
    address = "" if re.match(r"\[*cwa\b(?!\.plans)", toml) else f'cwa.url = "{shop.server.url}"\n'
    (shop.folder / "cwa_pipeline.toml").write_text(address + toml, encoding="utf-8")
    with patch.dict(os.environ, variables):
        yield


def _what_is_wrong(shop: Shop, right_lists: dict[int, str], touched_groups: Callable[[], set[int] | None]) -> str:
    """Sync once and say what is wrong, or ''. `touched_groups` are those whose lists may differ; None for all."""
    before, old = shop.whole_pcrt(), shop.lists()
    outcome = shop.sync()
    if unfit := _not_for_people(outcome.problems):
        return unfit
    secrets = [*SECRETS, *(os.environ.get(name, "").strip() for name in ("CWA_PASSWORD", "CWA_CLIENT_ID"))]
    if any(secret and secret in str(outcome) for secret in secrets):
        return "it shows a secret"
    after, new = shop.whole_pcrt(), shop.lists()
    if not outcome.succeeded:
        return "" if after == before and outcome.problems else "it failed and changed PCRT"
    others = {table: [row[:5] + row[6:] for row in rows] for table, rows in before.items()}
    if others != {table: [row[:5] + row[6:] for row in rows] for table, rows in after.items()}:
        return "it changed something else than a list"
    wrong = [
        key
        for key, text in new.items()
        if text != old[key] and not _is_right(shop, key, text, right_lists, touched_groups())
    ]
    left = [
        key for key, text in new.items()
        if text == old[key] != right_lists[key] and not _may_differ(shop, key, touched_groups())
    ]  # fmt: skip
    return f"list of {wrong + left} is wrong: {[new[key] for key in wrong + left]}" if wrong or left else ""


def _not_for_people(problems: list[str]) -> str:
    unfit = [line for line in problems if not line.strip() or "\n" in line or NOT_FOR_PEOPLE.search(line)]
    return f"no line for a technician: {unfit[0][:300]!r}" if unfit else ""


def _is_right(shop: Shop, key: int, text: str, right_lists: dict[int, str], touched: set[int] | None) -> bool:
    """Whether a list is the right one or, where the mutation may show, has only PCIDs that PCRT (as read) has in that group."""
    if text == right_lists[key]:
        return True
    if not _may_differ(shop, key, touched):
        return False
    group = _group_of(shop, key)
    pcids = shop.table("pcrt_pcids")
    in_group = set(pcids.loc[(pcids["group_id"] == group).fillna(False), "pcid"])
    formats: tuple[ListFormat, ...] = ("underscore", "comma", "php", "json")
    listed = next((pcids for pcids in (parse(text, each) for each in formats) if pcids is not None), None)
    return listed is not None and [*listed] == sorted(set(listed)) and set(listed) <= in_group


def _may_differ(shop: Shop, key: int, touched: set[int] | None) -> bool:
    return (
        touched is None
        or _group_of(shop, key) in touched
        or dict(shop.pcrt("SELECT subid, pcgroupid FROM subscriptions"))[key] in touched
    )


def _group_of(shop: Shop, key: int) -> int | None:
    subscriptions = shop.table("pcrt_subscriptions").set_index("subscription_id")["effective_group_id"].dropna()
    return int(subscriptions[key]) if key in subscriptions.index else None


def _groups_of_records(mutation: CwaMutation, seen: list[Any]) -> set[int] | None:
    """The PCRT groups of the customers in these records of CWA, before and after the mutation; None for all."""
    if mutation.path == "/v1/Groups":
        return None
    cwa, _ = invented_msp()
    external = {client.id: client.external_id for client in cwa.clients}
    client_of = {computer.id: computer.client_id for computer in cwa.computers}
    told = [str(mutation.junk)]
    for record in seen:
        if mutation.path == "/v1/Clients":
            told.append(str(record.get("ExternalId", external[int(record["Id"])])))
        else:
            computer = int(record["Id" if mutation.path == "/v1/Computers" else "ComputerId"])
            told.append(str(external[client_of[computer] or 0]))
    return {int(text) for text in told if text.isdecimal() and text.isascii()}


def _groups_of_row(mutation: PcrtMutation, pcrt: PcrtWorld) -> set[int]:
    """The groups of a row of PCRT, before and after the mutation."""
    of_pcids = {pcid.pcid: pcid.group_id for pcid in pcrt.pcids}
    of_subscriptions = {subscription.subscription_id: subscription.group_id for subscription in pcrt.subscriptions}
    before = {"groups": {mutation.key: mutation.key}, "pcids": of_pcids, "subscriptions": of_subscriptions}
    after = mutation.junk.strip("' ")
    return {before[mutation.query][mutation.key], int(after) if after.isdecimal() else 0}
