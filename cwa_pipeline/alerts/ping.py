"""The dead-man's switch: an outside address that is called after each success, and raises an alarm if it is not called.

The address may hold a token. No message contains it, and neither does it quote a library's error, which would.
"""

import logging
import threading

import requests
from pydantic import SecretStr

from cwa_pipeline.config.environment import ping_url
from cwa_pipeline.errors import SettingsError

SECONDS = 5.0  # how long a sync waits at most, including name resolution, which has no timeout of its own
ANSWER_SECONDS = 2.0  # for each try; monitors answer in well under one
TRIES = 2

log = logging.getLogger(__name__)


def ping_after_success() -> None:
    """Call CWA_PING_URL, if it is set, after a successful `cwa-pipeline sync`. A problem is only logged: the sync is over."""
    try:
        url = ping_url()
    except SettingsError as error:
        log.warning("%s", error)
        return
    if url is not None and (problem := ping(url)):
        log.warning("The sync succeeded, but %s", problem)


def ping(url: SecretStr) -> str | None:
    """Call the address; None if it answered with success, else the problem in one line."""
    problems: list[str | None] = []
    caller = threading.Thread(target=lambda: problems.append(_call(url)), name="ping", daemon=True)
    caller.start()
    caller.join(SECONDS)
    return problems[0] if problems else _line(f"did not answer within {SECONDS:g} s")


def _call(url: SecretStr) -> str | None:
    problem = ""
    for _ in range(TRIES):
        try:
            # Streamed, because nobody reads the body
            with requests.get(url.get_secret_value(), timeout=ANSWER_SECONDS, stream=True) as answer:
                if answer.ok:
                    return None
                problem = f"answered HTTP {answer.status_code}"
        except requests.Timeout:
            problem = f"did not answer within {ANSWER_SECONDS:g} s"
        except (requests.RequestException, ValueError):
            problem = "cannot be reached"
    return _line(problem)


def _line(problem: str) -> str:
    return f"the dead-man's switch {problem}; check CWA_PING_URL and this machine's network"
