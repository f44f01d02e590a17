"""A bar chart as SVG, written by hand: each phase of a sync, and its floor beneath it.

What belongs here: lengths, colours and texts. What must not: what a phase or a floor is.
"""

from collections.abc import Iterable, Sequence
from html import escape

WIDTH, LABELS, RIGHT = 760, 150, 90
ROW, BAR, TOP = 34, 12, 64
OURS, FLOOR = "#2f6db3", "#e0a030"

Bar = tuple[str, float, float | None]  # name, seconds, seconds of the floor if it has one


def chart(bars: Sequence[Bar], title: str) -> str:
    """The whole picture; it has a background of its own, so that it can be read on a dark page."""
    height = TOP + ROW * len(bars) + 16
    longest = max([seconds for _, seconds, _ in bars] + [floor or 0 for _, _, floor in bars])
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="16" y="26" font-size="16" fill="#222222">{escape(title)}</text>',
            *_legend(),
            *(line for number, bar in enumerate(bars) for line in _row(bar, TOP + ROW * number, longest)),
            "</svg>\n",
        ]
    )


def _legend() -> Iterable[str]:
    for number, (colour, text) in enumerate(((OURS, "the sync, seconds"), (FLOOR, "its floor"))):
        left = LABELS + 170 * number
        yield f'<rect x="{left}" y="38" width="{BAR}" height="{BAR}" fill="{colour}"/>'
        yield f'<text x="{left + 18}" y="48" fill="#222222">{text}</text>'


def _row(bar: Bar, top: int, longest: float) -> Iterable[str]:
    name, seconds, floor = bar
    yield f'<text x="{LABELS - 10}" y="{top + 15}" text-anchor="end" fill="#222222">{escape(name)}</text>'
    yield from _bar(seconds, top, longest, OURS)
    if floor is not None:
        yield from _bar(floor, top + BAR + 1, longest, FLOOR)


def _bar(seconds: float, top: int, longest: float, colour: str) -> Iterable[str]:
    length = max(1.0, (WIDTH - LABELS - RIGHT) * seconds / longest)
    yield f'<rect x="{LABELS}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
    yield f'<text x="{LABELS + length + 6:.1f}" y="{top + 11}" font-size="11" fill="#222222">{seconds:.2f}</text>'
