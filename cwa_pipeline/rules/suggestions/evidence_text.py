"""The evidence of a suggestion in the words of a technician."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.rules.frames import lookup, map_distinct
from cwa_pipeline.rules.suggestions import serials as serial_likeness
from cwa_pipeline.rules.suggestions.fleets import NO_FLEET

MOST_LEFT = 3  # being one of more PCIDs is not worth saying
LEAST_MAKE_SHARE = 0.5  # a make that most PCIDs of the group have is not worth saying

SERIAL_WORDS = {
    serial_likeness.SAME: "same serial number",
    serial_likeness.BLANKS: "serial differs by blanks or dashes only",
    serial_likeness.LOOK_ALIKE: "serial differs by {look_alikes}",
    serial_likeness.PREFIX: "serial is the same but for a prefix",
    serial_likeness.SWAPPED: "serial has two characters swapped",
    serial_likeness.MISSING: "serial in PCRT lacks one character",
    serial_likeness.EXTRA: "serial in PCRT has one character too many",
    serial_likeness.WRONG: "serial has one character wrong",
    serial_likeness.TWO_SLIPS: "serial has two characters wrong",
    serial_likeness.FAR: "",
    serial_likeness.UNKNOWN: "",
}


def in_words(suggestions: pd.DataFrame, computers: pd.DataFrame, machines: pd.DataFrame) -> pd.Series:
    """The evidence of each suggestion, first what speaks for it, then what speaks against it.

    Takes suggestions with the evidence in columns (`evidence`), and the frames whose rows they name.
    """
    ours = computers.take(suggestions["computer"].to_numpy()).reset_index(drop=True)
    theirs = machines.take(suggestions["machine"].to_numpy()).reset_index(drop=True)
    parts = pd.DataFrame(
        {
            "serial": _serial(suggestions, ours, theirs, machines),
            "tag": _where(suggestions["near_tag"], "Asset Tag is that PCID but for one digit or two swapped"),
            "name": _where(suggestions["name"] > 0, "computer name is in the PCID's name"),
            "word": _quoted(suggestions, "word", suggestions["name"] == 0, '"{}" is in both names'),
            "user": _quoted(suggestions, "user", suggestions["user"] > 0, 'last user "{}" is in the PCID\'s name'),
            "make": ("same make (" + theirs["make"] + ")").where(suggestions["make"] >= LEAST_MAKE_SHARE, ""),
            "left": _left(suggestions["left"]),
            "group": _group(suggestions, ours, theirs),
            "other make": ("but the make is " + theirs["make"] + ", not " + ours["make"]).where(
                suggestions["make"] < 0, ""
            ),
            "other serial": _where(suggestions["error"] == serial_likeness.FAR, "but the serial is another one"),
            "fleet": _where(suggestions["fleet"] > NO_FLEET, "but the customer has more serials as near as that"),
            "claimed": _where(suggestions["claimed"], "but another computer fits it better"),
        }
    )
    said = [pa.array(part.where(part != "").array, type=pa.large_string()) for _, part in parts.items()]
    joined = pc.binary_join_element_wise(*said, pa.scalar(", ", pa.large_string()), null_handling="skip")
    return pd.Series(pd.array(joined, dtype="str"), index=suggestions.index)


def _where(holds: pd.Series, words: str) -> pd.Series:
    return pd.Series(words, index=holds.index, dtype="str").where(holds, "")


def _quoted(suggestions: pd.DataFrame, kind: str, holds: pd.Series, words: str) -> pd.Series:
    text = suggestions[f"{kind}_text"].where(holds)
    return map_distinct(text, words.format, missing="", dtype="str")


def _serial(suggestions: pd.DataFrame, ours: pd.DataFrame, theirs: pd.DataFrame, machines: pd.DataFrame) -> pd.Series:
    words = suggestions["error"].map(SERIAL_WORDS).astype("str")
    same = suggestions["error"] == serial_likeness.SAME
    words = words.mask(
        same & (ours["reason"] == "asset_tag_unknown"), "serial number is the same; the Asset Tag is wrong"
    )
    words[same] += _others_with(theirs.loc[same, "serial"], machines["serial"])
    alike = suggestions["error"] == serial_likeness.LOOK_ALIKE
    letters = serial_likeness.look_alike_words(ours["serial"][alike].tolist(), theirs["serial"][alike].tolist())
    return words.mask(alike, "serial differs by " + pd.Series(letters, index=words.index[alike], dtype="str"))


def _others_with(serials: pd.Series, all_serials: pd.Series) -> pd.Series:
    """How many other PCIDs have each serial, in brackets behind a blank; nothing for none."""
    bearers = all_serials[all_serials.isin(serials.tolist())].value_counts()
    others = lookup(serials, bearers) - 1
    words = {n: f" ({n} other PCIDs have it too)" for n in others.unique()} | {0: "", 1: " (1 other PCID has it too)"}
    return others.map(words).astype("str")


def _left(left: pd.Series) -> pd.Series:
    words = [
        "",
        "only PCID left in the group that it can be",
        *(f"one of {n} PCIDs left in the group that it can be" for n in range(2, MOST_LEFT + 1)),
    ]
    return left.where(left <= MOST_LEFT, 0).map(dict(enumerate(words))).astype("str")


def _group(suggestions: pd.DataFrame, ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.Series:
    """Same group, or where it is instead; nothing is said about a computer whose client is tied to no group."""
    elsewhere = pd.Series("but in another group", index=suggestions.index, dtype="str").mask(
        theirs["group_id"].isna(), "but in no group"
    )
    return elsewhere.mask(ours["group_id"].isna(), "").mask(suggestions["same_group"], "same group")
