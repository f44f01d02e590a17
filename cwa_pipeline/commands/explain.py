"""`cwa-pipeline explain`: why a computer, a PCID or a serial number is covered or not."""

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA
from rich.console import Console
from rich.text import Text

from cwa_pipeline.commands.printing import console
from cwa_pipeline.rules.issues.explanation import CHAIN_TABLES, LINKS, computer_chains, told
from cwa_pipeline.rules.matching.numbers import whole_number
from cwa_pipeline.rules.matching.serials import is_generic, normalise
from cwa_pipeline.rules.safe_text import plain
from cwa_pipeline.warehouse.site import own_warehouse
from cwa_pipeline.warehouse.store import MAY_BE_UNFILLED

MOST_SHOWN = 10  # a thousand machines can have the same name or generic serial number
MOST_NEAR = 3  # names or serial numbers suggested if nothing matches
MIN_SIMILARITY = 0.5  # of a suggestion: with fewer equal letters it is another name, not a typing error

_MARKS = {True: Text("✓", style="green"), False: Text("✗", style="bold red"), None: Text(" ")}
_LABEL_WIDTH = max(map(len, LINKS))
FIX = "Fix:"

Tables = dict[str, pd.DataFrame]


class Row(NamedTuple):
    """One line: whether this is right (None for neither), what it is about, and the sentence."""

    is_right: bool | None
    what: str
    text: str


class Block(NamedTuple):
    """Everything about one thing."""

    heading: str
    rows: list[Row]


def print_explanation(what: str) -> int:
    """Print everything with this id, name or serial number; 0 if there is something, else 1."""
    with own_warehouse() as warehouse:
        names = (*CHAIN_TABLES, "serial_blacklist", "match_suggestions", "coverage_history")
        tables = {name: warehouse.read(name, or_empty=name in MAY_BE_UNFILLED) for name in names}
    found = list(explained(what, tables))
    out = console()
    for number, block in enumerate(found or [nearest(what, tables)]):
        out.print(Text("\n" * bool(number) + plain(block.heading), style="bold"), soft_wrap=True)
        for row in block.rows:
            _print_row(out, row)
    return 0 if found else 1


def _print_row(out: Console, row: Row) -> None:
    """Print one line. A terminal wraps the sentence under its beginning; a file or pipe keeps one line."""
    style = "bold yellow" if row.what == FIX else ""
    head = Text.assemble(" ", _MARKS[row.is_right], " ", (f"{plain(row.what):<{_LABEL_WIDTH}} ", style or "cyan"))
    sentence = Text(plain(row.text), style=style)
    for line in sentence.wrap(out, max(out.width - len(head), _LABEL_WIDTH)) if out.is_terminal else [sentence]:
        out.print(Text.assemble(head, line), soft_wrap=True)
        head = Text(" " * len(head))


def explained(what: str, tables: Tables) -> Iterator[Block]:
    """Everything that `what` names, each once: the serial number, the computers, and the PCIDs with their matched computers."""
    computers, pcids, matches = tables["cwa_computers"], tables["pcrt_pcids"], tables["computer_matches"]
    [number], [text] = whole_number(_series(what)), normalise(_series(what))
    with_id, with_pcid = (
        (computers.head(0), pcids.head(0))
        if pd.isna(number)
        else (computers[computers["computer_id"] == number], pcids[pcids["pcid"] == number])
    )
    with_name = computers[(normalise(computers["name"]) == text) & (text != "")]
    bearing, bearing_pcids = (machines[machines["serial_number_normalised"] == text] for machines in (computers, pcids))
    generic = bool(is_generic(_series(text), tables["serial_blacklist"]).iloc[0])
    borne, known = len(bearing) + len(bearing_pcids), len(with_id) + len(with_name) + len(with_pcid)
    if borne or (generic and not known):  # a computer's id can be on the list: 1 is
        heading = f"Serial number {what.strip() or '(blank)'}"
        yield Block(heading, [*_serial_rows(bearing, bearing_pcids, generic=generic)])
    shown = pd.concat([with_id, with_name, bearing]).drop_duplicates("computer_id")
    yield from _computers(shown, tables)
    all_pcids = pd.concat([with_pcid, bearing_pcids]).drop_duplicates("pcid")
    for pcid in _first(all_pcids):
        yield _pcid(pcid, tables)
        matched = computers["computer_id"].isin(matches.loc[matches["pcid"] == pcid["pcid"], "computer_id"])
        unseen = computers[matched & ~computers["computer_id"].isin(shown["computer_id"])]
        yield from _computers(unseen, tables)
        shown = pd.concat([shown, unseen])
    yield from _and_more(all_pcids, "PCIDs")


def nearest(what: str, tables: Tables) -> Block:
    """The names and serial numbers most similar to text that matches nothing."""
    [text] = normalise(_series(what))
    computers, pcids = tables["cwa_computers"], tables["pcrt_pcids"]
    known = pd.concat(
        [normalise(computers["name"]), computers["serial_number_normalised"], pcids["serial_number_normalised"]]
    )
    choices = known[~is_generic(known, tables["serial_blacklist"])].drop_duplicates().sort_values().tolist()
    near = process.extract(
        text, choices, scorer=OSA.normalized_similarity, limit=MOST_NEAR, score_cutoff=MIN_SIMILARITY
    )
    rows: list[Row] = []
    for choice, _, _ in near:
        named = computers[normalise(computers["name"]) == choice]
        bearing, of_pcids = (
            machines[machines["serial_number_normalised"] == choice] for machines in (computers, pcids)
        )
        spelling = pd.concat([named["name"], bearing["serial_number"], of_pcids["serial_number"]]).iloc[0]
        bearers = [
            f"{how} {_listed(machines)}"
            for how, machines in (
                ("name of computer", named),
                ("serial number of computer", bearing),
                ("serial number of PCID", of_pcids),
            )
            if len(machines)
        ]
        rows.append(Row(None, "Did you mean" if not rows else "or", f"{spelling}: {'; '.join(bearers)}"))
    return Block(f"No computer, PCID or serial number is {what.strip() or '(blank)'}", rows)


def _serial_rows(computers: pd.DataFrame, pcids: pd.DataFrame, *, generic: bool) -> Iterator[Row]:
    """Which machines have a serial number, and whether it identifies one."""
    yield Row(None, "computers", _listed(computers))
    yield Row(None, "PCIDs", _listed(pcids))
    if generic:
        yield Row(False, "generic", "It is blank or on the list of generic serial numbers, so it identifies no machine")
    elif computers["client_id"].nunique() > 1:
        several = f"It is not on the list of generic ones, but computers of {computers['client_id'].nunique()} clients have it"
        yield Row(False, "generic", several)
        yield Row(None, FIX, "If it is a placeholder, add it to generic_serials.txt")
    else:
        yield Row(True, "generic", "It is not on the list of generic serial numbers")


def _computers(computers: pd.DataFrame, tables: Tables) -> Iterator[Block]:
    """The chain of each computer, and the PCIDs that an unmatched one may belong to."""
    names, suggestions = tables["pcrt_pcids"].set_index("pcid")["name"], tables["match_suggestions"]
    of_chain = {name: tables[name] for name in CHAIN_TABLES} | {"cwa_computers": computers.head(MOST_SHOWN)}
    for chain in computer_chains(**of_chain).to_dict("records"):
        rows = [
            Row(None, FIX, line.text) if line.what == "fix" else Row(line.holds, line.what, line.text)
            for line in told(chain)
        ]
        for near in _first(suggestions[suggestions["computer_id"] == chain["computer_id"]].sort_values("rank")):
            pcid = _named(near["pcid"], names.get(near["pcid"]))
            rows.append(
                Row(None, f"{near['confidence']}:", f"PCID {pcid} ({near['score']} of 100): {near['evidence']}")
            )
        computer = _named(chain["computer_id"], chain["computer_name"])
        client = "no client" if pd.isna(chain["client_name"]) else chain["client_name"]
        covered = "covered" if pd.isna(chain["broken"]) else "not covered"
        yield Block(f"Computer {computer} ({client}): {covered}", rows)
    yield from _and_more(computers, "computers")


def _pcid(pcid: dict[Hashable, Any], tables: Tables) -> Block:
    """The computers matched to a PCID or why there are none, and the subscriptions that list it now."""
    computers, matches, history = tables["cwa_computers"], tables["computer_matches"], tables["coverage_history"]
    number, group_id = pcid["pcid"], pcid["group_id"]
    matched = matches.loc[matches["pcid"] == number, "computer_id"]
    rows = (
        [Row(True, "match", f"Matched to it: computer {_listed(computers[computers['computer_id'].isin(matched)])}")]
        if len(matched)
        else [*_unmatched_rows(pcid, tables)]
    )
    titles = tables["pcrt_subscriptions"].set_index("subscription_id")["name"]
    listed = history[(history["pcid"] == number) & history["covered_to"].isna()].sort_values("subscription_id")
    for row in listed.to_dict("records"):
        subscription = _named(row["subscription_id"], titles.get(row["subscription_id"]))
        rows.append(Row(True, "listed", f"In subscription {subscription}, since {row['covered_from']:%Y-%m-%d}"))
    if listed.empty:
        rows.append(Row(False, "listed", "No subscription lists it now"))
    groups = tables["pcrt_groups"].set_index("group_id")["name"]
    group = "no group" if pd.isna(group_id) else f"{_or_none(groups.get(group_id))}, group {group_id}"
    return Block(f"PCID {_named(number, pcid['name'])} ({group})", rows)


def _unmatched_rows(pcid: dict[Hashable, Any], tables: Tables) -> Iterator[Row]:
    """Why no computer is matched to a PCID, the smallest fix, and the computers that it may be."""
    computers, suggestions = tables["cwa_computers"], tables["match_suggestions"]
    serial, as_read = pcid["serial_number_normalised"], str(pcid["serial_number"]).strip()
    pcids = tables["pcrt_pcids"]
    others = pcids[(pcids["serial_number_normalised"] == serial) & (pcids["pcid"] != pcid["pcid"])]
    bearing = computers[computers["serial_number_normalised"] == serial]
    enter = f"In PCRT, enter the serial number of PCID {pcid['pcid']} as its computer has it"
    override = f"In CWA, type {pcid['pcid']} into Asset Tag of its computer"
    if not pd.isna(pcid["serial_problem"]):
        why, fix = f"its serial number could not be read ({pcid['serial_problem']})", enter
    elif not serial:
        why, fix = "it has no serial number in PCRT", enter
    elif is_generic(_series(serial), tables["serial_blacklist"]).iloc[0]:
        why, fix = f"its serial number {as_read} is on the list of generic ones", override
    elif len(bearing) and len(others):
        why = f"PCID {_listed(others)} has the same serial number {as_read}, so none is chosen"
        fix = override
    elif len(bearing):
        why = f"computer {_listed(bearing)} has its serial number, but its Asset Tag names another PCID"
        fix = "In CWA, correct or empty the Asset Tag of that computer"
    else:
        why, fix = f"no computer has its serial number {as_read}", f"{enter}; or it has no agent"
    yield Row(False, "match", f"No computer is matched to it: {why}")
    yield Row(None, FIX, fix)
    names = computers.set_index("computer_id")["name"]
    for near in _first(suggestions[suggestions["pcid"] == pcid["pcid"]].sort_values("score", ascending=False)):
        computer = _named(near["computer_id"], names.get(near["computer_id"]))
        yield Row(None, f"{near['confidence']}:", f"computer {computer} ({near['score']} of 100): {near['evidence']}")


def _series(text: str) -> pd.Series:
    return pd.Series([text], dtype="str")


def _first(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return rows.head(MOST_SHOWN).to_dict("records")


def _and_more(rows: pd.DataFrame, things: str) -> Iterator[Block]:
    if len(rows) > MOST_SHOWN:
        yield Block(f"and {len(rows) - MOST_SHOWN} more {things}", [])


def _listed(machines: pd.DataFrame) -> str:
    """Computers or PCIDs (id in the first column, name in the second) as in `32 DESKTOP-0032, 35 FRONTDESK`."""
    named = [_named(row[0], row[1]) for row in machines.head(MOST_SHOWN).itertuples(index=False)]
    more = [f"and {len(machines) - MOST_SHOWN} more"] if len(machines) > MOST_SHOWN else []
    return ", ".join([*named, *more]) or "none"


def _named(number: object, name: object) -> str:
    return f"{number} {'' if pd.isna(name) else name}".rstrip()  # type: ignore[call-overload]


def _or_none(name: object) -> str:
    return "none" if pd.isna(name) else str(name)  # type: ignore[call-overload]
