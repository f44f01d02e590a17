"""The log-in to ConnectWise Automate (CWA): one token for all threads, renewed shortly before it expires.

A log-in is never retried, and after one refusal always refused: repeated log-ins can lock the account.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from pydantic import SecretStr

from cwa_pipeline.config.environment import CwaCredentials
from cwa_pipeline.errors import SettingsError, SourceError

HEADER_VALUE = re.compile(r"[!-~]+")  # the characters of a clientId or a token; any other would break the header
URL_REMEDY = "check cwa.url and what stands between (a proxy, a login page)"


class LogIn:
    """The account, its token, and the headers that carry both. Threads may share it."""

    def __init__(
        self,
        place: str,
        credentials: CwaCredentials,
        margin: float,
        post: Callable[[Mapping[str, str]], Mapping[str, Any]],
    ) -> None:
        """`post` sends the account and returns CWA's answer; `margin` is how many seconds before its end a token is renewed."""
        client_id = credentials.client_id.get_secret_value().strip()
        if not HEADER_VALUE.fullmatch(client_id):
            raise SettingsError("CWA_CLIENT_ID has characters that no clientId has; copy it again, it is a plain GUID")
        self._place, self._credentials, self._margin, self._post = place, credentials, margin, post
        self._client_id = SecretStr(client_id)
        passcode = credentials.two_factor_passcode or SecretStr("")
        # The user name is half of a log-in, so it counts as a secret too.
        secrets = [credentials.password, passcode, self._client_id, SecretStr(credentials.username)]
        self.secrets = [secret for secret in secrets if secret.get_secret_value()]
        self._token: SecretStr | None = None
        self._renew_at = -math.inf
        self._count = 0
        self._refused: SettingsError | None = None
        self._lock = threading.RLock()  # one log-in at a time: the other threads wait for its token

    def add_headers(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the clientId, and the token once there is one."""
        request.headers["clientId"] = self._client_id.get_secret_value()
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request

    def ensure(self, refused: int | None = None) -> int:
        """Log in if there is no valid token, or if token number `refused` is still in use; return the token's number.

        Raises what `renew` raises.
        """
        with self._lock:
            if self._count == refused or time.monotonic() >= self._renew_at:
                self.renew()
            return self._count

    def renew(self) -> None:
        """Get a new token. Raises SettingsError (wrong account, two-factor code wanted), and what `post` raises."""
        with self._lock:
            if self._refused is not None:
                raise self._refused
            self._token, self._renew_at = None, -math.inf
            try:
                self._keep_token(self._post(self._account()))
            except SettingsError as refused:
                self._refused = refused
                raise

    def _account(self) -> Mapping[str, str]:
        account = {"Username": self._credentials.username, "Password": self._credentials.password.get_secret_value()}
        if self._credentials.two_factor_passcode:
            account["TwoFactorPasscode"] = self._credentials.two_factor_passcode.get_secret_value()
        return account

    def _keep_token(self, granted: Mapping[str, Any]) -> None:
        token = granted.get("AccessToken")
        if not token and (granted.get("IsTwoFactorRequired") or granted.get("IsInternalTwoFactorRequired")):
            raise SettingsError(
                f'{self._place}: CWA wants a two-factor code; use an account with "Integrator" ticked in CWA, or set a '
                "fresh CWA_TWO_FACTOR_PASSCODE"
            )
        if not isinstance(token, str) or not HEADER_VALUE.fullmatch(token):
            raise SourceError(f"{self._place}: the answer holds no usable AccessToken; {URL_REMEDY}")
        seconds = _seconds_until(granted.get("ExpirationDate"))
        # An expiry in the past or very near comes from a wrong clock; then only a 401 tells.
        self._renew_at = time.monotonic() + seconds - self._margin if seconds > self._margin else math.inf
        self._token = SecretStr(token)
        self.secrets.append(self._token)
        self._count += 1


def _seconds_until(expiration: Any) -> float:
    """Seconds until a time, which is UTC if it names no zone; 0 if it is no time."""
    try:
        expires = datetime.fromisoformat(expiration)
        return (expires.replace(tzinfo=expires.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return 0
