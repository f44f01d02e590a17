"""A logged-in session with ConnectWise Automate: the token, and a GET that is tried again where that can help.

What belongs here: when to log in, when to try again, when to give up and what to say then. What must not: how a
request is sent (`automate_http`), how a list is paged (`automate_paging`).
"""

import logging
import math
import re
import threading
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

import requests
import tenacity
from pydantic import SecretStr

from cwa_pipeline.config.environment import CwaCredentials
from cwa_pipeline.cwa.http import URL_REMEDY, AutomateHttp, Decoder, Patience, Trouble
from cwa_pipeline.cwa.page import Page, PageOfColumns
from cwa_pipeline.cwa.records import moment
from cwa_pipeline.errors import SettingsError, SourceError, UnreachableError

logger = logging.getLogger(__name__)

LOG_IN = "v1/apitoken"
NEVER = -1  # how many log-ins there were before the first
HEADER_VALUE = re.compile(r"[!-~]+")  # what a clientId or a token is made of; anything else would break the header
CLIENT_ID_REMEDY = "check that CWA_CLIENT_ID is the clientId registered with ConnectWise"
REMEDIES = {
    403: "give the CWA account the right to read this",
    404: "check cwa.url; this CWA server may be too old to have this list",
}


class Answer(NamedTuple):
    """What CWA answered to a GET, no records unless the status is 200; and how long it was on its way and being decoded (seconds)."""

    status: int
    records: Page
    total: int | None
    on_its_way: float = 0
    decoding: float = 0


class LogIn(NamedTuple):
    """A log-in that CWA granted: its token, when to get another one, by the monotonic clock, which all processes share, and its cookies."""

    token: SecretStr
    renew_at: float
    cookies: Mapping[str, SecretStr] = {}  # of a load balancer, which may know by them which server has the log-in


class AutomateSession:
    """Logs in when needed and gets pages of lists."""

    def __init__(
        self,
        url: str,
        credentials: CwaCredentials,
        patience: Patience,
        connections: int = 1,
        log_in: LogIn | None = None,
    ) -> None:
        """Nothing is asked for yet; with a log-in that was granted to another session, this one goes on with it."""
        client_id = credentials.client_id.get_secret_value().strip()
        if not HEADER_VALUE.fullmatch(client_id):
            raise SettingsError("CWA_CLIENT_ID holds characters that no clientId has; copy it anew, it is a plain GUID")
        self._url = url
        self._credentials = credentials
        self._patience = patience
        passcode = credentials.two_factor_passcode or SecretStr("")
        # The user name too is half of a log-in.
        secrets = [credentials.password, passcode, SecretStr(client_id), SecretStr(credentials.username)]
        self._http = AutomateHttp(url, SecretStr(client_id), secrets, patience, connections)
        self.connections = connections
        self._logging_in = threading.RLock()  # one log-in at a time: the others wait for its token
        self._log_ins = 0
        self._refused: SettingsError | None = None
        self._log_in: LogIn | None = None
        self._a_get_worked = False
        if log_in:
            self._go_on_with(log_in)

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """In another process it is another one, which goes on with this log-in."""
        return type(self), (self._url, self._credentials, self._patience, self.connections, self._log_in)

    def split(self) -> Self:
        """Another session, for another process: it gets this log-in and half of the connections, of which there have to be two or more.

        Logs in when that was not done yet, so that one log-in serves both; raises what that raises.
        """
        self._log_in_after(NEVER)
        assert self._log_in is not None  # noqa: S101 - granted, or raised
        half = self.connections // 2
        self.connections -= half
        self._http.close()  # those that are open; they are opened again as they are needed
        log_in = self._log_in._replace(cookies=self._http.cookies)
        return type(self)(self._url, self._credentials, self._patience, half, log_in)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def log_in(self) -> None:
        """Get a new token. Never tried again by itself: repeated log-ins can lock the account, so once refused stays refused.

        Raises SettingsError (wrong account, two-factor wanted), SourceError (no CWA there), UnreachableError.
        """
        with self._logging_in:
            if self._refused is not None:
                raise self._refused
            try:
                self._get_token()
            except SettingsError as refused:
                self._refused = refused
                raise

    def _log_in_after(self, log_ins: int) -> int:
        """Log in unless that was done since that many log-ins, and the token still lasts; how many there were by now."""
        with self._logging_in:
            if self._log_ins == log_ins or not self._log_in or time.monotonic() >= self._log_in.renew_at:
                self.log_in()
            return self._log_ins

    def _get_token(self) -> None:
        place = f"CWA log-in ({self._http.address(LOG_IN)})"
        self._log_in = None
        account = {"Username": self._credentials.username, "Password": self._credentials.password.get_secret_value()}
        if self._credentials.two_factor_passcode:
            account["TwoFactorPasscode"] = self._credentials.two_factor_passcode.get_secret_value()
        response = self._http.post(place, LOG_IN, account)
        if isinstance(response, Trouble):
            raise UnreachableError(f"{place}: {response.text}; check cwa.url, or try later")
        if response.status_code in {400, 401, 403}:
            raise SettingsError(
                f"{place}: refused with {self._http.said(response)}; check CWA_USERNAME and CWA_PASSWORD, and that the "
                "account is enabled"
            )
        if response.status_code != requests.codes.ok:
            raise SourceError(f"{place}: answered {self._http.said(response)}; {URL_REMEDY}")
        granted = self._http.decoded(place, response)
        if isinstance(granted, Trouble):
            raise UnreachableError(f"{place}: {granted.text}; try later")
        if not isinstance(granted, dict):
            raise SourceError(f"{place}: the answer is not that of a CWA log-in; {URL_REMEDY}")
        self._keep_token(place, granted)

    def get(
        self,
        place: str,
        path: str,
        params: Mapping[str, str],
        accept: Collection[int] = (),
        decoder: Decoder | None = None,
    ) -> Answer:
        """GET one page of a list; a status in `accept` is handed back, every other refusal is raised. Threads may call it.

        Raises SourceError (refused, or no JSON array) and UnreachableError (kept failing); `place` is what to call the
        page in a message.
        """
        place = f"{place} ({self._http.address(path)})"
        log_ins = NEVER
        for has_logged_in_again in (False, True):
            log_ins = self._log_in_after(log_ins)
            outcome = self._retrying(place)(self._get_once, place, path, params, {401, *accept}, decoder)
            if isinstance(outcome, Trouble):
                raise UnreachableError(
                    f"{place}: {outcome.text}; gave up after {self._patience.tries} tries, look at the CWA server or "
                    "try later"
                )
            answer = outcome
            if answer.status != requests.codes.unauthorized:
                break
            if has_logged_in_again:
                raise SourceError(f"{place}: {self._why_unauthorised()}")
        self._a_get_worked |= answer.status == requests.codes.ok
        return answer

    def _get_once(
        self, place: str, path: str, params: Mapping[str, str], accept: Collection[int], decoder: Decoder | None
    ) -> Answer | Trouble:
        since = time.monotonic()
        response = self._http.get(place, path, params)
        arrived = time.monotonic()
        if isinstance(response, Trouble):
            return response
        if response.status_code in accept:
            return Answer(response.status_code, [], None)
        if response.status_code != requests.codes.ok:
            remedy = REMEDIES.get(response.status_code, "look at the CWA server and the rights of the account")
            raise SourceError(f"{place}: answered {self._http.said(response)}; {remedy}")
        records = self._http.decoded(place, response, decoder)
        if isinstance(records, Trouble):
            return records
        if not isinstance(records, list | PageOfColumns):
            raise SourceError(f"{place}: the answer is JSON but no list; {URL_REMEDY}")
        total = response.headers.get("Total-Count", "").strip()
        return Answer(
            response.status_code,
            records,
            int(total) if re.fullmatch("[0-9]{1,18}", total) else None,
            on_its_way=arrived - since,
            decoding=time.monotonic() - arrived,
        )

    def _retrying(self, place: str) -> tenacity.Retrying:
        """Try again while there is Trouble: doubling pauses with jitter, and never sooner than Retry-After asks."""
        patience = self._patience
        backoff = tenacity.wait_exponential(patience.first_pause, patience.longest_pause) + tenacity.wait_random(
            0, patience.first_pause
        )

        def pause(state: tenacity.RetryCallState) -> float:
            return max(backoff(state), min(_trouble(state).retry_after, patience.longest_retry_after))

        def announce(state: tenacity.RetryCallState) -> None:
            text = _trouble(state).text
            logger.warning("%s: %s; try %d of %d failed", place, text, state.attempt_number, patience.tries)

        return tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda outcome: isinstance(outcome, Trouble)),
            stop=tenacity.stop_after_attempt(patience.tries),
            wait=pause,
            before_sleep=announce,
            retry_error_callback=_trouble,
        )

    def _keep_token(self, place: str, granted: Mapping[str, Any]) -> None:
        token = granted.get("AccessToken")
        if not token and (granted.get("IsTwoFactorRequired") or granted.get("IsInternalTwoFactorRequired")):
            raise SettingsError(
                f'{place}: CWA wants a two-factor code; use an account with "Integrator" ticked in CWA, or set a fresh '
                "CWA_TWO_FACTOR_PASSCODE"
            )
        if not isinstance(token, str) or not HEADER_VALUE.fullmatch(token):
            raise SourceError(f"{place}: the answer holds no usable AccessToken; {URL_REMEDY}")
        try:
            expires = moment(granted, "ExpirationDate")
        except ValueError:
            expires = None
        lasts = (expires - datetime.now(UTC)).total_seconds() if expires else 0
        # An end that is past or near already comes from a clock that is wrong; then only a 401 tells.
        margin = self._patience.token_margin
        renew_at = time.monotonic() + lasts - margin if lasts > margin else math.inf
        self._go_on_with(LogIn(SecretStr(token), renew_at))

    def _go_on_with(self, log_in: LogIn) -> None:
        self._http.use_token(log_in.token, log_in.cookies)
        self._log_in = log_in
        self._log_ins += 1

    def _why_unauthorised(self) -> str:
        if self._a_get_worked:
            return f"answered 401 to a fresh token; check the rights of the CWA account, and {CLIENT_ID_REMEDY}"
        return (
            "the log-in works but the data is refused with 401, most likely because the clientId is not known: "
            f"{CLIENT_ID_REMEDY}, then the account rights"
        )


def _trouble(state: tenacity.RetryCallState) -> Trouble:
    assert state.outcome is not None  # noqa: S101 - tenacity asks only after an outcome
    return state.outcome.result()
