"""The pages of a CWA server, written to files: `<list>/<number>.json`, each record as the demo's stand-in sends it."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.worlds import World
from cwa_pipeline.commands.demo import stand_in_records as cwa

PAGE = 1000  # the records on a page, the most that CWA allows


def write_pages(world: World, folder: Path) -> None:
    """Write every list of the world, and how many records it has (`<list>/total`)."""
    names = dict(zip(world.clients["client_id"], world.clients["name"], strict=True))
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "clients": (cwa.client_row(str, cwa.Client(*row)) for row in _rows(world.clients)),
        "computers": (cwa.computer_row(str, cwa.Computer(*row), names[row[2]]) for row in _rows(world.computers)),
        "groups": (cwa.group_row(str, cwa.Group(*row), None) for row in _rows(world.groups)),
        "groupcomputers": (cwa.membership_row(str, *row, True) for row in _rows(world.members)),
    }
    for name, records in lists.items():
        _write(folder, name, iter(records))


def _write(folder: Path, name: str, records: Iterator[dict[str, Any]]) -> None:
    pages, total, number = folder / name, 0, 0
    pages.mkdir(parents=True)
    while page := list(islice(records, PAGE)):
        total, number = total + len(page), number + 1
        (pages / f"{number}.json").write_text(json.dumps(page))
    (pages / "total").write_text(str(total))


def _rows(frame: pd.DataFrame) -> Iterator[tuple]:
    return frame.astype("object").where(frame.notna(), None).itertuples(index=False, name=None)
