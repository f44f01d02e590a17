"""The integration page as one HTML file that works from file:// and without a network.

Its content security policy allows only its own script and style sheet, by their hashes. The template escapes everything from CWA and
PCRT, or the script inserts it as text.
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
READABLE = 0o644  # by the web server, which runs as another user


def rendered(**content: Any) -> str:
    """The page, from the content that `content` and `summary` made of the tables, or from a `problem` only."""
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
    # `tojson` makes its result harmless in HTML. Python's own json is several times slower for a large shop.
    environment.policies |= {"json.dumps_function": _json, "json.dumps_kwargs": {}}
    own = f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    policy = f"default-src 'none'; {own}; img-src data:; base-uri 'none'; form-action 'none'"
    return environment.get_template("page.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=policy,
        line=chart.line,
        stale_hours=STALE_HOURS,
        **content,
    )


def put_in_place(path: Path, page: str) -> None:
    """Replace the file atomically: readers see the old page or the new one. Raises PageError with the remedy."""
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
        why = f"cannot be written ({error.strerror}); correct its folder's rights, or [page] path"
        raise PageError(f"{path}: {why}") from None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _code(text: str) -> Markup:
    """A sentence with the parts between backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def _signed(number: int | None) -> str:
    """A change as people write it: +3, −2, 0, or a dash if there is nothing to compare with."""
    if number is None:
        return "–"
    return "0" if number == 0 else f"{number:+,}".replace("-", "\N{MINUS SIGN}")
