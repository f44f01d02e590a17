"""What speaks for and against each pair of an unmatched computer and a PCID: one function for each kind of evidence.

`computers` are the unmatched ones and `machines` the PCIDs that may be suggested, both with a plain index; a pair names a row
of each (columns computer and machine), and serials are null where they say nothing (`serials.with_forms`).
"""

import numpy as np
import pandas as pd
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from cwa_pipeline.rules.matching.numbers import is_whole_number
from cwa_pipeline.rules.suggestions import names
from cwa_pipeline.rules.suggestions import serials as serial_likeness
from cwa_pipeline.rules.suggestions.candidates import pairs_sharing
from cwa_pipeline.rules.suggestions.fleets import NO_FLEET, fleet_signs

LEAST_DISTINCTIVE = 7  # a name of so many characters with a digit in it, once on either side, is no coincidence
LEAST_TAG_DIGITS = 4  # a shorter Asset Tag is one digit off many PCIDs


def serial_errors(pairs: pd.DataFrame, computers: pd.DataFrame, machines: pd.DataFrame) -> np.ndarray:
    """The error between the two serials, UNKNOWN where one of them says nothing."""
    computer, machine = pairs["computer"].to_numpy(), pairs["machine"].to_numpy()
    known = computers["serial"].notna().to_numpy()[computer] & machines["serial"].notna().to_numpy()[machine]
    ours, theirs = serial_likeness.serials_of(computers), serial_likeness.serials_of(machines)
    errors = np.full(len(pairs), serial_likeness.UNKNOWN)
    errors[known] = serial_likeness.errors(ours.take(computer[known]), theirs.take(machine[known]))
    return errors


def fleets(
    pairs: pd.DataFrame, computers: pd.DataFrame, machines: pd.DataFrame, all_serials: pd.DataFrame
) -> np.ndarray:
    """Whether wrong characters are likely a fleet's (`fleets.fleet_signs`); all_serials: group_id and serial of all machines."""
    wrong = pairs["error"].isin([serial_likeness.WRONG, serial_likeness.TWO_SLIPS]).to_numpy()
    of = pairs[wrong]
    group_id = computers["group_id"].take(of["computer"].to_numpy()).array
    neighbours = all_serials[all_serials["group_id"].isin(group_id.dropna())]
    signs = np.full(len(pairs), NO_FLEET)
    signs[wrong] = fleet_signs(
        pd.DataFrame(
            {
                "computer": of["computer"].array,
                "group_id": group_id,
                "ours": computers["form"].take(of["computer"].to_numpy()).array,
                "theirs": machines["form"].take(of["machine"].to_numpy()).array,
            }
        ),
        pd.DataFrame(
            {"group_id": neighbours["group_id"].array, "form": serial_likeness.folded(neighbours["serial"]).array}
        ),
    )
    return signs


def shared_words(computers: pd.DataFrame, machines: pd.DataFrame, all_computers: pd.DataFrame) -> pd.DataFrame:
    """Pairs of one group whose names share a word: computer, machine, kind (name, word, user), word and share.

    `name`: the computer's whole name is in the PCID's, `word`: a telling word of it is, `user`: the last user's name is.
    The share is 1 for a word that one computer and one PCID of the group have, 1/2 for one that two have, and so on; all
    computers of the group count, matched ones too (all_computers: name, last_user, group_id), because a common name says
    little. A distinctive whole name counts in all groups if no other unmatched computer or PCID has it.
    """
    ours = _words_of_computers(computers)
    typed = names.word_rows(machines["name"], names.typed_words)
    typed = typed[typed["word"].isin(ours["word"])]
    typed["group_id"] = machines["group_id"].take(typed["row"].to_numpy()).array
    typed["machines"] = typed.groupby(["group_id", "word"])["row"].transform("size")
    in_group = pairs_sharing(ours, typed, ["group_id", "word"])
    concerned = all_computers[all_computers["group_id"].isin(in_group["group_id"])].reset_index(drop=True)
    bearers = _words_of_computers(concerned).groupby(["group_id", "word", "kind"]).size().rename("computers")
    in_group = in_group.join(bearers, on=["group_id", "word", "kind"])
    in_group["share"] = 1 / np.maximum(in_group["computers"], in_group["machines"]).astype("float64")

    anywhere = pairs_sharing(
        ours[(ours["kind"] == "name") & _is_distinctive(ours["word"])].drop_duplicates("word", keep=False)[
            ["row", "word", "kind"]
        ],
        typed.drop_duplicates("word", keep=False)[["row", "word"]],
        ["word"],
    ).assign(share=1.0)
    shared = pd.concat([in_group, anywhere]).rename(columns={"row_ours": "computer", "row_theirs": "machine"})
    best_first = shared.sort_values(["share", "word"], ascending=[False, True])
    return best_first.drop_duplicates(["computer", "machine", "kind"])[["computer", "machine", "kind", "word", "share"]]


def _words_of_computers(computers: pd.DataFrame) -> pd.DataFrame:
    """row, word, kind and group_id of the telling words of each computer's name and last user."""
    words_of = {
        "name": names.word_rows(computers["name"], names.whole_name),
        "word": names.word_rows(computers["name"], names.name_words),
        "user": names.word_rows(computers["last_user"], names.user_words),
    }
    words = pd.concat([rows.assign(kind=kind) for kind, rows in words_of.items()], ignore_index=True)
    return words.assign(group_id=computers["group_id"].take(words["row"].to_numpy()).array)


def _is_distinctive(words: pd.Series) -> pd.Series:
    return (words.str.len() >= LEAST_DISTINCTIVE) & words.str.contains("[0-9]")


def make_agreement(pairs: pd.DataFrame, computers: pd.DataFrame, machines: pd.DataFrame) -> np.ndarray:
    """-1 where the makes differ, 0 where one is not known, else the share of the group's other known makes that differ.

    So that a make that all PCIDs of the group have is worth nothing.
    """
    groups = machines["group_id"].fillna(0)
    known = machines["make"].groupby(groups).transform("count")
    of_make = machines.groupby([groups, "make"])["pcid"].transform("size")
    rarity = (1 - of_make / known.where(known > 0)).fillna(0).to_numpy(dtype="float64")
    ours = computers["make"].take(pairs["computer"].to_numpy()).reset_index(drop=True)
    theirs = machines["make"].take(pairs["machine"].to_numpy()).reset_index(drop=True)
    unknown = (ours.isna() | theirs.isna()).to_numpy()
    equal = (ours == theirs).to_numpy(dtype="bool", na_value=False)
    return np.select([unknown, equal], [0.0, rarity[pairs["machine"]]], default=-1.0)


def near_asset_tags(pairs: pd.DataFrame, computers: pd.DataFrame, machines: pd.DataFrame) -> np.ndarray:
    """Whether the computer's Asset Tag is the PCID but for one digit or two swapped."""
    tags = computers["asset_tag"].fillna("").str.strip()
    usable = is_whole_number(tags) & (computers["reason"] == "asset_tag_unknown") & (tags.str.len() >= LEAST_TAG_DIGITS)
    asked = usable.to_numpy()[pairs["computer"]] & pairs["same_group"].to_numpy()
    of = pairs[asked]
    near = np.zeros(len(pairs), dtype="bool")
    ours, theirs = (
        tags.take(of["computer"].to_numpy()).tolist(),
        machines["pcid"].take(of["machine"].to_numpy()).astype("str").tolist(),
    )
    near[asked] = cpdist(ours, theirs, scorer=OSA.distance, score_cutoff=1) == 1
    return near


def left_in_group(pairs: pd.DataFrame) -> pd.Series:
    """How many PCIDs of the group the computer may be, for one of them whose serial says nothing; else 0.

    It may be those without another serial or make. When hardly one is left, a technician would look at that first.
    """
    may_be = pairs["same_group"] & (pairs["error"] != serial_likeness.FAR) & (pairs["make"] >= 0)
    asked = may_be & (pairs["error"] == serial_likeness.UNKNOWN)
    return may_be.groupby(pairs["computer"]).transform("sum").where(asked, 0)
