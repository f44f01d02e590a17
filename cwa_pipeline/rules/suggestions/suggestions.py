"""The likeliest PCIDs of a computer that was not matched, and what speaks for each. A person decides; nothing is applied.

Evidence is added up like the weights of a Fellegi-Sunter record linkage: each piece adds points, the more of them the rarer
it is between two machines and the commoner between a machine and itself. `python -m benchmarks.suggestions` measures them.
"""

import numpy as np
import pandas as pd

from cwa_pipeline.rules.frames import as_table, lookup
from cwa_pipeline.rules.suggestions import evidence, names
from cwa_pipeline.rules.suggestions import serials as serial_likeness
from cwa_pipeline.rules.suggestions.candidates import distinct, pairs_sharing, with_near_serials
from cwa_pipeline.rules.suggestions.evidence_text import in_words
from cwa_pipeline.rules.suggestions.fleets import FLEET, NO_FLEET, VARIES_HERE
from cwa_pipeline.tables import MatchSuggestions

# What it looks at of its tables; for who hands them to another process.
LOOKED_AT = {
    "cwa_computers": ["computer_id", "name", "serial_number_normalised", "asset_tag", "last_user", "make"],
    "computer_matches": ["computer_id", "pcid", "reason", "expected_group_id"],
    "pcrt_pcids": ["pcid", "name", "make", "group_id", "serial_number_normalised"],
}
MOST_SUGGESTIONS = 3  # a technician reads three; the right one is hardly ever further down
LIKELY = 70  # one slip in the same group reaches it; a wrong character in a fleet, or a name by itself, does not
LEAST_SCORE = 20  # below, nothing but the group and a common word speaks for it
CLEAR_LEAD = 10  # of a likely PCID over the computer's next one, and of the computer over the next one it may be

# Look-alikes or a swap are seldom all that tells two machines of a maker apart; a wrong character often is.
SERIAL_POINTS = {
    serial_likeness.SAME: 80,
    serial_likeness.BLANKS: 78,
    serial_likeness.LOOK_ALIKE: 70,
    serial_likeness.PREFIX: 68,
    serial_likeness.SWAPPED: 64,
    serial_likeness.MISSING: 64,
    serial_likeness.EXTRA: 64,
    serial_likeness.WRONG: 58,
    serial_likeness.TWO_SLIPS: 15,
    serial_likeness.FAR: -45,  # two machines, unless PCRT has the serial of something else
    serial_likeness.UNKNOWN: 0,
}
FLEET_POINTS = {NO_FLEET: 0, FLEET: -15, VARIES_HERE: -30}  # for one wrong character
TWO_SLIPS_IN_A_FLEET_POINTS = -45  # two serials of a fleet, rather than two slips
SAME_GROUP_POINTS = 15
NAME_POINTS = (
    50  # the whole computer name, times how rare it is; not more, for a new machine often takes over the old name
)
WORD_POINTS = 15  # one word of it, times how rare it is
USER_POINTS = 25  # times how rare; people change machines
MAKE_POINTS = 10  # times how rare the make is in the group
OTHER_MAKE_POINTS = -30  # not more, for what the shop typed may be the make of a part
TAG_POINTS = 30  # PCIDs of a group are often near each other by themselves
LEFT_POINTS = 15  # divided by how many PCIDs of the group it may be: one of three is just suggested
GROUP_FIRST_POINTS = 20  # so far ahead has to be another customer's PCID, or likely, to come before the customer's own
CLAIMED_POINTS = -20  # another computer fits that PCID better


def match_suggestions(
    cwa_computers: pd.DataFrame,
    computer_matches: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> pd.DataFrame:
    """Suggest to each unmatched computer at most three PCIDs that no computer is matched to, those of its customer's group first.

    Generic serials are never evidence. `likely` says that the score is high, and that no other PCID of the computer and no
    other computer of the PCID comes near. Returns a `match_suggestions` table.
    """
    computers = _unmatched(cwa_computers, computer_matches, serial_blacklist)
    machines = _not_taken(pcrt_pcids, computer_matches, serial_blacklist)
    group_id = lookup(cwa_computers["computer_id"], computer_matches.set_index("computer_id")["expected_group_id"])
    all_computers = cwa_computers.assign(group_id=group_id)
    words = evidence.shared_words(computers, machines, all_computers)
    pairs = _candidates(computers, machines, words)
    pairs["error"] = evidence.serial_errors(pairs, computers, machines)
    pairs["fleet"] = evidence.fleets(pairs, computers, machines, _all_serials(all_computers, pcrt_pcids))
    pairs["make"] = evidence.make_agreement(pairs, computers, machines)
    pairs["near_tag"] = evidence.near_asset_tags(pairs, computers, machines)
    pairs["left"] = evidence.left_in_group(pairs)
    pairs = _with_words(pairs, words)
    pairs["points"] = _points(pairs)
    best = _best(pairs)
    return as_table(
        best.assign(
            computer_id=computers["computer_id"].to_numpy()[best["computer"]],
            pcid=machines["pcid"].to_numpy()[best["machine"]],
            evidence=in_words(best, computers, machines),
        ),
        MatchSuggestions,
    )


def _unmatched(
    cwa_computers: pd.DataFrame, computer_matches: pd.DataFrame, serial_blacklist: pd.DataFrame
) -> pd.DataFrame:
    """The computers without a PCID: what tells them, reason, group_id, make, and their serials `with_forms`."""
    matches = computer_matches.loc[computer_matches["reason"].notna(), ["computer_id", "reason", "expected_group_id"]]
    is_unmatched = cwa_computers["computer_id"].isin(matches["computer_id"])
    computers = cwa_computers.loc[is_unmatched, LOOKED_AT["cwa_computers"]]
    computers = computers.merge(matches, on="computer_id").sort_values("computer_id", ignore_index=True)
    computers["make"] = names.makes(computers["make"])
    return serial_likeness.with_forms(computers.rename(columns={"expected_group_id": "group_id"}), serial_blacklist)


def _not_taken(
    pcrt_pcids: pd.DataFrame, computer_matches: pd.DataFrame, serial_blacklist: pd.DataFrame
) -> pd.DataFrame:
    """The PCIDs that no computer is matched to: what tells them, make, and their serials `with_forms`."""
    is_free = ~pcrt_pcids["pcid"].isin(computer_matches["pcid"].dropna())
    machines = pcrt_pcids.loc[is_free, LOOKED_AT["pcrt_pcids"]]
    machines = machines.sort_values("pcid", ignore_index=True)
    make = names.makes(machines["make"])
    unknown = make.isna()
    make[unknown] = names.makes(machines["name"][unknown])
    return serial_likeness.with_forms(machines.assign(make=make), serial_blacklist)


def _all_serials(all_computers: pd.DataFrame, pcrt_pcids: pd.DataFrame) -> pd.DataFrame:
    """group_id and serial of all machines of either system."""
    columns = {"group_id": "group_id", "serial_number_normalised": "serial"}
    return pd.concat([all_computers[list(columns)], pcrt_pcids[list(columns)]]).rename(columns=columns)


def _candidates(computers: pd.DataFrame, machines: pd.DataFrame, words: pd.DataFrame) -> pd.DataFrame:
    """The pairs worth a look: a near serial in any group, a shared word, or the same group; each within a bound.

    Returns computer and machine (rows of the two frames) and same_group.
    """
    same = [
        pairs_sharing(
            computers[[key]].assign(computer=computers.index), machines[[key]].assign(machine=machines.index), [key]
        )
        for key in ("serial", "group_id")
    ]
    found = [words, *same, with_near_serials(computers["form"], machines["form"])]
    pairs = distinct(pd.concat([pairs[["computer", "machine"]] for pairs in found]))
    our_group = computers["group_id"].array.take(pairs["computer"].to_numpy())
    their_group = machines["group_id"].array.take(pairs["machine"].to_numpy())
    return pairs.assign(same_group=(our_group == their_group).fillna(False).astype("bool"))


def _with_words(pairs: pd.DataFrame, words: pd.DataFrame) -> pd.DataFrame:
    """For each kind of shared word its share in a column of that name (0 for none), and the word itself in `name_text` etc."""
    for kind in ["name", "word", "user"]:
        of_kind = words.loc[words["kind"] == kind, ["computer", "machine", "share", "word"]]
        of_kind = of_kind.rename(columns={"share": kind, "word": f"{kind}_text"})
        pairs = pairs.merge(of_kind, on=["computer", "machine"], how="left").fillna({kind: 0.0})
    return pairs


def _points(pairs: pd.DataFrame) -> pd.Series:
    """What all evidence adds up to. A word of the name adds nothing to the whole name, few PCIDs left nothing to a name."""
    names = np.maximum(pairs["name"] * NAME_POINTS, pairs["word"] * WORD_POINTS) + pairs["user"] * USER_POINTS
    left = (LEFT_POINTS / pairs["left"].clip(lower=1)).where(pairs["left"] > 0, 0)
    two_slips = pairs["error"] == serial_likeness.TWO_SLIPS
    return (
        pairs["error"].map(SERIAL_POINTS).astype("float64")
        + pairs["fleet"].map(FLEET_POINTS).mask(two_slips & (pairs["fleet"] != NO_FLEET), TWO_SLIPS_IN_A_FLEET_POINTS)
        + (pairs["make"] * MAKE_POINTS).mask(pairs["make"] < 0, OTHER_MAKE_POINTS)
        + np.maximum(names, left)
        + pairs["near_tag"] * TAG_POINTS
        + pairs["same_group"] * SAME_GROUP_POINTS
    )


def _best(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs to be suggested, with score, rank and confidence."""
    # Most pairs are too weak to be suggested, to claim a PCID from one that is, or to come near one that is likely.
    pairs = pairs[pairs["points"] >= LEAST_SCORE]
    others = _best_of_the_others(pairs, "machine")
    points = pairs["points"] + np.where(others >= pairs["points"] + CLEAR_LEAD, CLAIMED_POINTS, 0)
    pairs = pairs.assign(points=points, lead=pairs["points"] - others, claimed=points < pairs["points"])
    pairs = pairs[pairs["points"] >= LEAST_SCORE]
    pairs = pairs.assign(ahead=pairs["points"] - _best_of_the_others(pairs, "computer"))
    is_clear = (pairs["ahead"] >= CLEAR_LEAD) & (pairs["lead"] >= CLEAR_LEAD)
    pairs = pairs.assign(likely=(pairs["points"] >= LIKELY) & is_clear)
    place = pairs["points"] + pairs["same_group"] * GROUP_FIRST_POINTS
    order = {"computer": True, "likely": False, "place": False, "points": False, "machine": True}
    ordered = pairs.assign(place=place).sort_values([*order], ascending=[*order.values()])
    ordered["rank"] = ordered.groupby("computer").cumcount() + 1
    best = ordered[ordered["rank"] <= MOST_SUGGESTIONS].reset_index(drop=True)
    return best.assign(
        score=best["points"].clip(0, 100).round().astype("int64"),
        confidence=pd.Series(np.where(best["likely"], "likely", "possible"), dtype="str"),
    )


def _best_of_the_others(pairs: pd.DataFrame, key: str) -> pd.Series:
    """For each pair the most points that another pair of the same computer, or machine, has; 0 for none."""
    points = pairs["points"]
    best = points.groupby(pairs[key]).transform("max")
    is_best = pd.Series(pairs.index.isin(points.groupby(pairs[key]).idxmax()), index=pairs.index)
    second_best = points.mask(is_best).groupby(pairs[key]).transform("max")
    return best.mask(is_best, second_best).fillna(0).clip(lower=0)
