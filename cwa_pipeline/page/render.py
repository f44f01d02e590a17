"""The integration page as one HTML file that needs nothing else.

What belongs here: putting content, style and script into the template, and the file into its place. What must not: a table.

The file works from file:// and with no network. Its content security policy lets run only the one script and the one style sheet
that are in it, named by their hashes; all that comes from CWA and PCRT is escaped by the template, or put in as text by the script.
"""

import base64
import hashlib
import os
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cwa_pipeline.errors import PageError
from cwa_pipeline.page import chart

STALE_HOURS = 26  # a night's sync, and two hours for a slow one
READABLE = 0o644  # by the web server that serves it, which is another user


def rendered(**content: Any) -> str:
    """The page, from what `page.content` and `page.summary` made of the tables, or from a `problem` alone."""
    folder = files("cwa_pipeline.page")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    environment = Environment(
        loader=PackageLoader("cwa_pipeline", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"code": _code, "signed": _signed}
    # What `tojson` then makes harmless in HTML. Python's own takes several times as long for the rows of a large shop.
    environment.policies |= {"json.dumps_function": _json, "json.dumps_kwargs": {}}
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return environment.get_template("page.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=policy,
        line=chart.line,
        stale_hours=STALE_HOURS,
        **content,
    )


def put_in_place(path: Path, page: str) -> None:
    """Replace the file at once: whoever opens it sees the old page or the new one. Raises PageError with the remedy."""
    if not path.parent.is_dir():
        raise PageError(f"{path.parent} is no folder; make it, or correct [page] path")
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            try:
                file.write(page)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(READABLE)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise PageError(
            f"{path}: cannot be written ({error.strerror}); correct its folder's rights, or [page] path"
        ) from None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _code(text: str) -> Markup:
    """A sentence with what stands between backticks set as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def _signed(number: int | None) -> str:
    """A change as people write it: +3, −2, 0; a dash where there is nothing to compare with."""
    if number is None:
        return "–"
    return "0" if number == 0 else f"{number:+,}".replace("-", "\N{MINUS SIGN}")
