"""How one request to ConnectWise Automate is sent, and what each way of failing means.

What belongs here: time-outs, headers, and telling what another try can mend (`Trouble`) from what a person has to mend. What must
not: the log-in and the retries (`automate_session`), which lists there are (`automate`), how the server is quoted (`automate_quotes`).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from cwa_pipeline.cwa.quotes import quoted
from cwa_pipeline.errors import SettingsError, SourceError

# A body is taken from the connection whole, unless it is sent in pieces: copying pieces together is a tenth of what a page costs. The 10 KB
# at once that `requests` takes double it.
WHOLE = None
URL_REMEDY = "check cwa.url and what stands between (a proxy, a login page)"


class Decoder(Protocol):
    """Takes what is wanted straight from the bytes of an answer."""

    def decode(self, body: bytes) -> Any:
        """What is wanted; raises MsgspecError or UnicodeDecodeError when these bytes are not the usual answer."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for CWA (seconds) and how often to ask. Its server is one IIS and one MySQL: slow is usual."""

    connect_timeout: float = 10
    read_timeout: float = 120
    tries: int = 7  # with doubling pauses a minute in all: an IIS restart is over by then
    first_pause: float = 1
    longest_pause: float = 60
    longest_retry_after: float = 300  # a Retry-After beyond this is not worth holding the night's sync for
    token_margin: float = 60  # log in again this long before the token ends


class Trouble(NamedTuple):
    """A failure that another try can mend."""

    text: str
    retry_after: float = 0


class Response(NamedTuple):
    """An answer with its whole body."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str

    def text(self) -> str:
        """The body, whatever it is, in characters."""
        try:
            return self.content.decode(self.encoding, errors="replace")
        except LookupError:  # an encoding that only the server knows
            return self.content.decode(errors="replace")


class AutomateHttp:
    """Sends requests to CWA over a few connections, with the clientId and the token once there is one.

    Threads may send at the same time; whoever finds all connections busy waits for one.
    """

    def __init__(
        self, url: str, client_id: SecretStr, secrets: Iterable[SecretStr], patience: Patience, connections: int
    ) -> None:
        self._api = f"{url.rstrip('/')}/cwa/api"
        self._client_id = client_id
        self._token: SecretStr | None = None
        self._secrets = [secret for secret in secrets if secret.get_secret_value()]
        self._patience = patience
        self._session = requests.Session()
        one_server = HTTPAdapter(pool_connections=1, pool_maxsize=connections, pool_block=True)
        self._session.mount("https://", one_server)
        self._session.mount("http://", one_server)
        # Plain http is for loopback only, where no proxy of the environment could reach us.
        self._session.trust_env = not url.startswith("http://")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def address(self, path: str) -> str:
        """Where `path` is on this server, for requests and messages."""
        return f"{self._api}/{path}"

    @property
    def cookies(self) -> dict[str, SecretStr]:
        """What a load balancer marked us with."""
        return {name: SecretStr(value) for name, value in self._session.cookies.items()}

    def use_token(self, token: SecretStr, cookies: Mapping[str, SecretStr]) -> None:
        """Send this token from now on, and these cookies with those that the server sets."""
        self._session.cookies.update({name: value.get_secret_value() for name, value in cookies.items()})
        self._token = token
        self._secrets.append(token)

    def get(self, place: str, path: str, params: Mapping[str, str]) -> Response | Trouble:
        """GET with the token, once. What another try can mend is Trouble; what a person has to mend is raised."""

        def request() -> requests.PreparedRequest:
            made = self._blank.copy()
            # Quoted here: `requests` would look through it once more, which for a page of members takes nearly as long as decoding it.
            made.url = f"{made.url}/{path}?{urlencode(params, safe=',()')}"
            made.prepare_cookies(self._session.cookies)  # a load balancer's may say which server has the log-in
            if self._token:
                made.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
            return made

        return self._send(place, request)

    def post(self, place: str, path: str, content: Mapping[str, str]) -> Response | Trouble:
        """POST as JSON, without a token; otherwise as `get`."""
        return self._send(place, lambda: self._prepared("POST", self.address(path), json=content))

    @cached_property
    def _blank(self) -> requests.PreparedRequest:
        """What all pages have in common: to make each from nothing takes `requests` half as long as to decode a page."""
        return self._prepared("GET", self._api)

    def _prepared(self, method: str, address: str, **body: Any) -> requests.PreparedRequest:
        # An auth of our own keeps requests from putting a password of ~/.netrc in place of the token.
        return self._session.prepare_request(requests.Request(method, address, auth=self._name_client, **body))

    @cached_property
    def _way(self) -> Mapping[str, Any]:
        """The proxy and the certificates that the environment names."""
        return self._session.merge_environment_settings(self._api, {}, True, None, None)

    def _send(self, place: str, request: Callable[[], requests.PreparedRequest]) -> Response | Trouble:
        timeout = (self._patience.connect_timeout, self._patience.read_timeout)
        try:
            # No redirect is followed: it would carry the token, or the password, to another address.
            with self._session.send(request(), timeout=timeout, allow_redirects=False, **self._way) as answer:
                response = Response(
                    answer.status_code,
                    answer.headers,
                    b"".join(answer.iter_content(WHOLE)),
                    answer.encoding or "utf-8",
                )
        except requests.exceptions.ConnectTimeout:
            return Trouble(f"no connection within {self._patience.connect_timeout:g} s")
        except requests.exceptions.Timeout:
            return Trouble(f"no answer within {self._patience.read_timeout:g} s")
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            if failed := re.search(r"certificate verify failed: ([^(]*)", str(error)):
                raise SourceError(
                    f"{place}: its TLS certificate is not trusted ({failed[1].strip()}); renew it, or add its "
                    "authority to this machine and set REQUESTS_CA_BUNDLE"
                ) from None
            return Trouble(_broken_connection(error))
        except requests.exceptions.ContentDecodingError:
            return Trouble("the compressed answer was damaged")
        except (requests.RequestException, OSError) as error:
            # The text of these can hold a header's value; the kind alone says where to look.
            raise SettingsError(
                f"{place}: the request could not be made ({type(error).__name__}); check cwa.url, the proxy and "
                "REQUESTS_CA_BUNDLE"
            ) from None
        if 300 <= response.status_code < 400:
            raise SourceError(
                f"{place}: redirects to {self._redirect_target(response)}; put CWA's final address into cwa.url"
            )
        if response.status_code == requests.codes.too_many_requests or response.status_code >= 500:
            return Trouble(f"answered {self.said(response)}", _retry_after(response))
        return response

    def decoded(self, place: str, response: Response, decoder: Decoder | None = None) -> Any:
        """The JSON of an answer; Trouble when it is cut off. Numbers with a fraction stay text, as they were sent.

        What a decoder does not understand is left to the plain way.
        """
        if decoder is not None:
            try:
                return decoder.decode(response.content)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass  # not the usual answer: the plain way finds out, and says, what it is
        body = response.content.strip()
        if "html" in response.headers.get("Content-Type", "").casefold() or (body and body[:1] not in b"[{\xef"):
            raise SourceError(f"{place}: answered with something else than JSON ({self._body(response)}); {URL_REMEDY}")
        try:
            return json.loads(body, parse_float=str)
        except ValueError:
            return Trouble("the JSON of the answer ends early or is damaged")

    def said(self, response: Response) -> str:
        """Status and body of a refusal, fit for a message."""
        body = self._body(response)
        return f"{response.status_code} ({body})" if body else str(response.status_code)

    def _body(self, response: Response) -> str:
        return quoted(response.text(), self._secrets)

    def _redirect_target(self, response: Response) -> str:
        """Where a redirect points, without its query: a login page's can hold anything."""
        target = urlsplit(response.headers.get("Location", ""))
        server = f"{target.scheme}://{target.hostname}" if target.hostname else ""
        return quoted(server + target.path, self._secrets) or "nowhere"

    def _name_client(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["clientId"] = self._client_id.get_secret_value()
        return request


def _retry_after(response: Response) -> float:
    """Seconds the server asks us to wait, as a number or a date; a value that is neither asks for nothing."""
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except InvalidHeader:
        return 0


def _broken_connection(error: Exception) -> str:
    text = str(error)
    if "Failed to resolve" in text:
        return "the server's name cannot be found in DNS"
    return "the connection was refused" if "refused" in text else "the connection could not be made or broke off"
