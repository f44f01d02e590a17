"""The dead-man's switch: an address outside that is called after each success, and raises the alarm when it is not called.

What belongs here: calling it, in a few seconds at the most. What must not: deciding what a success is (`syncs`). The address may hold
a token, so it is part of no message; neither is a library's own error, which would quote it.
"""

import threading

import requests
from pydantic import SecretStr

SECONDS = 5.0  # for all of it, name resolution too, which has no time-out of its own: a sync waits no longer than that
ANSWER_SECONDS = 2.0  # for each try; monitors answer in well under one
TRIES = 2


def ping(url: SecretStr) -> str | None:
    """Call the address; None when it answered well, else one line that says what did not."""
    problems: list[str | None] = []
    caller = threading.Thread(target=lambda: problems.append(_called(url)), name="ping", daemon=True)
    caller.start()
    caller.join(SECONDS)
    return problems[0] if problems else _told(f"did not answer within {SECONDS:g} s")


def _called(url: SecretStr) -> str | None:
    problem = ""
    for _ in range(TRIES):
        try:
            with requests.get(
                url.get_secret_value(), timeout=ANSWER_SECONDS, stream=True
            ) as answer:  # the body is of no interest
                if answer.ok:
                    return None
                problem = f"answered HTTP {answer.status_code}"
        except requests.Timeout:
            problem = f"did not answer within {ANSWER_SECONDS:g} s"
        except (requests.RequestException, ValueError):
            problem = "cannot be reached"
    return _told(problem)


def _told(problem: str) -> str:
    return f"the dead-man's switch {problem}; look at CWA_PING_URL and at this machine's way out"
