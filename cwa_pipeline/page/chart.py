"""The small charts of the integration page: from numbers to the coordinates of an SVG line."""

from collections.abc import Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """The points of a line as SVG writes them, and where it ends."""

    points: str
    end_x: float
    end_y: float


def line(values: Sequence[int | None], width: float, height: float, top: int | None = None) -> Line | None:
    """A line from left to right, the newest value last; None if there are fewer than two values.

    `top` is the value at the upper edge, if several lines share a chart. Zero is always the lower edge.
    """
    step = width / max(len(values) - 1, 1)
    highest = max(top if top is not None else max((value or 0 for value in values), default=0), 1)
    points = [
        (round(number * step, 1), round(height - value / highest * height, 1))
        for number, value in enumerate(values)
        if value is not None
    ]
    if len(points) < 2:
        return None
    return Line(" ".join(f"{x},{y}" for x, y in points), *points[-1])
