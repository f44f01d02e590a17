"""The chart of the results, as SVG: a bar a sync, with a piece for each phase."""

from collections.abc import Iterator, Mapping
from html import escape

WIDTH, LABELS, RIGHT = 900, 180, 60
ROW, BAR, TOP = 30, 18, 70
COLOURS = ("#8a8f98", "#2f6db3", "#e0a030", "#4c9a5b", "#c25450", "#7d5ba6", "#3aa6a0", "#b0793e", "#5f6b2d", "#d07ab0")

Syncs = Mapping[str, Mapping[str, float]]  # of each sync, the seconds of its phases


def chart(syncs: Syncs) -> str:
    """The whole picture; its own background keeps it readable on a dark page."""
    height = TOP + ROW * len(syncs) + 16
    phases = list(dict.fromkeys(phase for of in syncs.values() for phase in of))
    colours = {phase: COLOURS[number % len(COLOURS)] for number, phase in enumerate(phases)}
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
            'font-size="13" role="img">',
            f'<title>Seconds of a sync</title><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            _text(16, 26, "Seconds of a sync, by number of computers"),
            *_legend(colours),
            *_bars(syncs, colours),
            "</svg>\n",
        ]
    )


def _legend(colours: Mapping[str, str]) -> Iterator[str]:
    left = 16
    for phase, colour in colours.items():
        yield f'<rect x="{left}" y="42" width="12" height="12" fill="{colour}"/>'
        yield _text(left + 16, 53, phase)
        left += 36 + 7 * len(phase)


def _bars(syncs: Syncs, colours: Mapping[str, str]) -> Iterator[str]:
    scale = (WIDTH - LABELS - RIGHT) / max(sum(of.values()) for of in syncs.values())
    for number, (name, of) in enumerate(syncs.items()):
        top, left = TOP + ROW * number, float(LABELS)
        yield _text(16, top + 14, name)
        for phase, seconds in of.items():
            width = max(0.0, seconds * scale)
            yield f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{colours[phase]}"/>'
            left += width
        yield _text(left + 6, top + 14, f"{sum(of.values()):.1f}")


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="#222222">{escape(text)}</text>'
