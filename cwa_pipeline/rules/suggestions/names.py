"""What names say about a machine: the words in them, and the make."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import pandas as pd

from cwa_pipeline.rules.frames import map_distinct

# Words in the names of machines, or of users, of every customer.
_COMMON = """
    admin administrator asset book client computer default desktop device guest home laptop local machine main manager minipc
    mobile new notebook nuc office old owner pc personal postgres server sql staff station system tablet test the user virtual
    win windows work workgroup workstation
"""
COMMON_WORDS = frozenset(_COMMON.split())
LEAST_LETTERS = 3  # "pc", "hp" and "jo" are in too many words
MOST_WORDS = 12  # a name with more is a note that somebody typed; its first words are read

# What a shop or a BIOS says for each make; models too, because many shops type nothing but "Optiplex".
MAKES = {
    "Acer": "acer aspire",
    "Apple": "apple macbook imac mac macmini",
    "Asus": "asus asustek zenbook vivobook",
    "Dell": "dell optiplex latitude inspiron vostro precision xps poweredge alienware",
    "Fujitsu": "fujitsu lifebook esprimo",
    "HP": "hp hewlett compaq elitebook elitedesk probook prodesk pavilion proliant zbook",
    "Lenovo": "lenovo thinkpad thinkcentre thinkstation ideapad ideacentre",
    "Microsoft": "microsoft surface",
    "MSI": "msi micro",
    "Samsung": "samsung",
    "Toshiba": "toshiba dynabook satellite tecra",
    "VMware": "vmware",
}
MAKE_OF = {word: make for make, words in MAKES.items() for word in words.split()}

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_POSSESSIVE = re.compile(r"['’`]s\b")
_WORD = re.compile(r"[^\W_]+")
_DIGITS_BEHIND = re.compile(r"(?<=[^\W\d_])[0-9]+$")  # "FRONT2" is the second machine at the front


def words_of(text: str) -> list[str]:
    """The words of a name, case-folded: `Anna's FrontDesk-PC` has anna, front, desk and pc."""
    return _WORD.findall(_POSSESSIVE.sub(" ", _CAMEL.sub(" ", text)).casefold())[:MOST_WORDS]


def _without_number(words: Iterable[str]) -> Iterator[str]:
    return (_DIGITS_BEHIND.sub("", word) for word in words)


def telling(words: Iterable[str]) -> list[str]:
    """The words, once each, without those that are short, only digits or common."""
    return [
        word
        for word in dict.fromkeys(words)
        if len(word) >= LEAST_LETTERS and not word.isdigit() and word not in COMMON_WORDS and word not in MAKE_OF
    ]


def whole_name(name: str) -> list[str]:
    """A computer's name as one word, `desktop4f2k9qa`; nothing when all of it is common (`LAPTOP`, `OFFICE-PC2`)."""
    words = words_of(name)
    return telling(["".join(words)]) if telling(_without_number(words)) else []


def name_words(name: str) -> list[str]:
    """The telling words of a computer's name: those of `ANNA-PC2` are `anna`."""
    return telling(_without_number(words_of(name)))


def user_words(last_user: str) -> list[str]:
    r"""The telling words of a log-in: those of `ACME\anna` are `anna`, of `AzureAD\AnnaSmith` `anna` and `smith`."""
    return telling(_without_number(words_of(last_user.rpartition("\\")[2].partition("@")[0])))


def typed_words(name: str) -> list[str]:
    """The telling words of a machine's name as the shop typed it, and two to four neighbors as one word.

    So `Front desk` has `frontdesk`, `DESKTOP-4F2K9QA (Anna)` has `desktop4f2k9qa`, and `Annas laptop` has `anna`;
    `Henry Adams` also has `hadams`, a common log-in name.
    """
    words = words_of(name)
    joined = ["".join(words[start : start + size]) for size in (2, 3, 4) for start in range(len(words) - size + 1)]
    singular = (word.removesuffix("s") for word in words)
    log_ins = [first[0] + second for first, second in pairwise(words)]
    return telling([*words, *log_ins, *_without_number(words), *singular, *joined, *_without_number(joined)])


def word_rows(text: pd.Series, words: Callable[[str], list[str]]) -> pd.DataFrame:
    """One row for each word that `words` finds in each text: row (the position in `text`) and word."""
    number, distinct = pd.factorize(text)
    found = pd.Series([*map(words, distinct.tolist()), []], dtype="object")
    rows = found.take(number).set_axis(pd.RangeIndex(len(text), name="row")).explode().dropna()
    return rows.astype("str").rename("word").reset_index()


def makes(text: pd.Series) -> pd.Series:
    """The make that the first word known as one names; null for none."""

    def make(value: str) -> str | None:
        return next((MAKE_OF[word] for word in _WORD.findall(value.casefold()) if word in MAKE_OF), None)

    return map_distinct(text, make, missing=None, dtype="str")
