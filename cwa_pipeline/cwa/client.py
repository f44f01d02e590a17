"""A client for the REST API of ConnectWise Automate (CWA): it logs in when needed, and retries a GET where a retry can help.

Threads may share a client. No message, log line or `repr` holds a secret, not even one that the server echoes.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from cwa_pipeline.config.environment import CwaCredentials
from cwa_pipeline.cwa.log_in import URL_REMEDY, LogIn
from cwa_pipeline.cwa.redaction import redacted
from cwa_pipeline.errors import SettingsError, SourceError, UnreachableError

T = TypeVar("T")
logger = logging.getLogger(__name__)

LOG_IN = "v1/apitoken"
GRANTED = msgspec.json.Decoder(dict[str, Any])  # the answer to a log-in
CLIENT_ID_REMEDY = "check that CWA_CLIENT_ID is the clientId registered with ConnectWise"
REMEDIES = {
    403: "give the CWA account the right to read this",
    404: "check cwa.url; this CWA server may be too old to have this list",
}


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for CWA (seconds) and how often to ask. Its server is one IIS and one MySQL: slow is normal."""

    connect_timeout: float = 10
    read_timeout: float = 120
    tries: int = 7  # with doubling pauses about a minute in all: an IIS restart is over by then
    first_pause: float = 1
    longest_pause: float = 60
    longest_retry_after: float = 300  # a longer Retry-After is not worth holding up the nightly sync
    token_margin: float = 60  # log in again this long before the token expires


class Retryable(Exception):  # noqa: N818 - a state of one request; it never leaves this module
    """A failure that another try can fix."""

    def __init__(self, text: str, retry_after: float = 0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class RefusedError(SourceError):
    """CWA answered a GET with a status other than 200."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Answer(NamedTuple, Generic[T]):
    """What CWA answered to a GET, decoded, and its Total-Count if it sent one."""

    content: T
    total: int | None


class CwaClient:
    """Gets pages of lists. Use it as a context manager; the first `get` logs in."""

    def __init__(
        self,
        url: str,
        credentials: CwaCredentials,
        *,
        retry: RetryPolicy = RetryPolicy(),
        connections: int = 1,
    ) -> None:
        """Sends nothing yet. At most `connections` requests are in flight at once."""
        self.connections = connections
        self._retry = retry
        self._api = f"{url.rstrip('/')}/cwa/api"
        self._log_in_place = f"CWA log-in ({self._api}/{LOG_IN})"
        self._log_in = LogIn(self._log_in_place, credentials, retry.token_margin, self._post_account)
        self._a_get_worked = False
        self._session = requests.Session()
        one_server = HTTPAdapter(pool_connections=1, pool_maxsize=connections, pool_block=True)
        self._session.mount("https://", one_server)
        self._session.mount("http://", one_server)
        # Plain http is for loopback only, which no proxy of the environment can reach.
        self._session.trust_env = not url.startswith("http://")
        # An `auth` of our own also keeps requests from sending a password of ~/.netrc instead of the token.
        self._session.auth = self._log_in.add_headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def log_in(self) -> None:
        """Log in now, to check the address and the account.

        Raises SettingsError (wrong account, two-factor code wanted), SourceError (no CWA there), UnreachableError.
        """
        self._log_in.renew()

    def get(self, what: str, path: str, params: Mapping[str, str], decode: Callable[[bytes], T]) -> Answer[T]:
        """GET one page; `what` names it in messages.

        `decode` raises msgspec.DecodeError for damaged JSON, msgspec.ValidationError for JSON that is not a page, and
        ValueError with the reason for a record that cannot be understood.

        Raises RefusedError (a status other than 200), SourceError (an answer that cannot be used), UnreachableError
        (kept failing), and what `log_in` raises.
        """
        place = f"{what} ({self._api}/{path})"
        get_once = partial(self._get_once, what, place, path, params, decode)
        token = None
        for _ in range(2):  # a 401 usually says that the token has expired: log in again, once
            token = self._log_in.ensure(refused=token)
            try:
                return self._with_retries(place, get_once)
            except RefusedError as refused:
                if refused.status != requests.codes.unauthorized:
                    raise
        if self._a_get_worked:
            why = f"answered 401 to a fresh token; check the rights of the CWA account, and {CLIENT_ID_REMEDY}"
        else:
            why = (
                "the log-in works but the data is refused with 401, most likely because CWA does not know the clientId: "
                f"{CLIENT_ID_REMEDY}, then the account rights"
            )
        raise SourceError(f"{place}: {why}")

    def _post_account(self, account: Mapping[str, str]) -> Mapping[str, Any]:
        place = self._log_in_place
        try:
            response = self._send("POST", place, LOG_IN, json=account)
            if response.status_code in {400, 401, 403}:
                raise SettingsError(
                    f"{place}: refused with {self._status_and_body(response)}; check CWA_USERNAME and CWA_PASSWORD, and "
                    "that the account is enabled"
                )
            if response.status_code != requests.codes.ok:
                raise SourceError(f"{place}: answered {self._status_and_body(response)}; {URL_REMEDY}")
            return self._decoded(place, response, GRANTED.decode)
        except Retryable as failure:
            raise UnreachableError(f"{place}: {failure}; check cwa.url, or try later") from None

    def _with_retries(self, place: str, get_once: Callable[[], Answer[T]]) -> Answer[T]:
        """Pauses double between tries, and are never shorter than Retry-After asks."""
        retry = self._retry
        jitter = tenacity.wait_random(0, retry.first_pause)
        backoff = tenacity.wait_exponential(retry.first_pause, retry.longest_pause) + jitter

        def pause(state: tenacity.RetryCallState) -> float:
            return max(backoff(state), min(_failure(state).retry_after, retry.longest_retry_after))

        def announce(state: tenacity.RetryCallState) -> None:
            logger.warning("%s: %s; try %d of %d failed", place, _failure(state), state.attempt_number, retry.tries)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Retryable),
            stop=tenacity.stop_after_attempt(retry.tries),
            wait=pause,
            before_sleep=announce,
            reraise=True,
        )
        try:
            return retrying(get_once)
        except Retryable as failure:
            raise UnreachableError(
                f"{place}: {failure}; gave up after {retry.tries} tries, check the CWA server or try later"
            ) from None

    def _get_once(
        self, what: str, place: str, path: str, params: Mapping[str, str], decode: Callable[[bytes], T]
    ) -> Answer[T]:
        response = self._send("GET", place, path, params=urlencode(params, safe=",()"))
        if response.status_code != requests.codes.ok:
            remedy = REMEDIES.get(response.status_code, "check the CWA server and the rights of the account")
            text = f"{place}: answered {self._status_and_body(response)}; {remedy}"
            raise RefusedError(text, response.status_code)
        try:
            content = self._decoded(place, response, decode)
        except ValueError as error:
            raise SourceError(f"{what}, {error}; correct it in CWA, or ask the vendor") from None
        self._a_get_worked = True
        total = response.headers.get("Total-Count", "").strip()
        return Answer(content, int(total) if re.fullmatch("[0-9]{1,18}", total) else None)

    def _send(self, method: str, place: str, path: str, **parts: Any) -> requests.Response:
        """Send one request. Raises Retryable, or SettingsError or SourceError for what a person has to fix."""
        timeout = (self._retry.connect_timeout, self._retry.read_timeout)
        try:
            # No redirect is followed: it would carry the token, or the password, to another address.
            response = self._session.request(
                method, f"{self._api}/{path}", timeout=timeout, allow_redirects=False, **parts
            )
        except requests.exceptions.ConnectTimeout:
            raise Retryable(f"no connection within {self._retry.connect_timeout:g} s") from None
        except requests.exceptions.Timeout:
            raise Retryable(f"no answer within {self._retry.read_timeout:g} s") from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            if failed := re.search(r"certificate verify failed: ([^(]*)", str(error)):
                raise SourceError(
                    f"{place}: its TLS certificate is not trusted ({failed[1].strip()}); renew it, or add its "
                    "authority to this machine and set REQUESTS_CA_BUNDLE"
                ) from None
            raise Retryable(_connection_failure(error)) from None
        except requests.exceptions.ContentDecodingError:
            raise Retryable("the compressed answer was damaged") from None
        except (OSError, ValueError) as error:  # RequestException is an OSError
            # The text of these can hold a header's value; the type alone says where to look.
            raise SettingsError(
                f"{place}: the request could not be made ({type(error).__name__}); check cwa.url, the proxy and "
                "REQUESTS_CA_BUNDLE"
            ) from None
        if 300 <= response.status_code < 400:
            to = redacted(_without_query(response.headers.get("Location", "")), self._log_in.secrets) or "nowhere"
            raise SourceError(f"{place}: redirects to {to}; put CWA's final address into cwa.url")
        if response.status_code == requests.codes.too_many_requests or response.status_code >= 500:
            raise Retryable(f"answered {self._status_and_body(response)}", _retry_after(response))
        return response

    def _decoded(self, place: str, response: requests.Response, decode: Callable[[bytes], T]) -> T:
        body = response.content.strip()
        is_html = "html" in response.headers.get("Content-Type", "").casefold()
        if is_html or (body and body[:1] not in b"[{\xef"):  # \xef begins a byte order mark
            said = self._quoted(response)
            raise SourceError(f"{place}: answered with something other than JSON ({said}); {URL_REMEDY}")
        try:
            return decode(body)
        except msgspec.ValidationError as error:
            raise SourceError(
                f"{place}: the answer is JSON, but not the kind expected ({error}); {URL_REMEDY}"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Retryable("the JSON of the answer ends early or is damaged") from None

    def _status_and_body(self, response: requests.Response) -> str:
        body = self._quoted(response)
        return f"{response.status_code} ({body})" if body else str(response.status_code)

    def _quoted(self, response: requests.Response) -> str:
        try:
            text = response.content.decode(response.encoding or "utf-8", errors="replace")
        except (LookupError, UnicodeError):  # an encoding that only the server knows
            text = response.content.decode(errors="replace")
        return redacted(text, self._log_in.secrets)


def _failure(state: tenacity.RetryCallState) -> Retryable:
    failure = state.outcome.exception() if state.outcome else None
    assert isinstance(failure, Retryable)  # noqa: S101 - nothing else is retried
    return failure


def _retry_after(response: requests.Response) -> float:
    """Seconds the server asks us to wait, as a number or a date; any other value asks for nothing."""
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0


def _without_query(address: str) -> str:
    """An address fit for a message: a login page's query, or a user before its host, can hold anything."""
    try:
        target = urlsplit(address)
        return f"{target.scheme}://{target.hostname}{target.path}" if target.hostname else target.path
    except ValueError:
        return ""


def _connection_failure(error: Exception) -> str:
    text = str(error)
    if "Failed to resolve" in text:
        return "the server's name cannot be found in DNS"
    return "the connection was refused" if "refused" in text else "the connection could not be made or broke off"
