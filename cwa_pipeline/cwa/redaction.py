"""What ConnectWise Automate said, fit for a message: without our secrets, on one line, short."""

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

LONGEST_QUOTE = 200  # characters of an error body: enough for CWA's {"Message": ...}, no room for a whole HTML page


def redacted(text: str, secrets: Iterable[SecretStr]) -> str:
    """A text of the server's with each secret as ***, in whatever spelling it comes."""
    for secret in secrets:
        spellings = "|".join(map(re.escape, _spellings(secret.get_secret_value())))
        text = re.sub(spellings, "***", text, flags=re.IGNORECASE)
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}..."


def _spellings(secret: str) -> list[str]:
    """The ways a server may echo a secret (JSON, HTML, a URL), longest first."""
    spellings = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret)}
    encoded = secret.encode(errors="surrogateescape")
    return sorted(spellings | {quote(encoded), quote(encoded, safe=""), quote_plus(encoded)}, key=len, reverse=True)
