"""A look at a URL: good when its status is the expected one. The answer's body is never read."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from guardian.probes.finding import Finding, reason, shown
from guardian.probes.local import addresses

if TYPE_CHECKING:
    from guardian.probes.finding import Where
    from guardian.services.spec import HealthSpec

FINE = range(200, 400)  # when no status was named: a redirect is an answer too (it is not followed)
HEADERS = {"User-Agent": "guardian", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
PORTS = {"http": 80, "https": 443}


class Http:
    """One client for all services, which keeps no connection and no cookie from one look to the next."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx.AsyncClient] = {}

    def subject(self, check: HealthSpec) -> str:
        """Name method and URL; a password in it is nobody's business."""
        try:
            url = httpx.URL(check.url)
            port = f":{url.port}" if url.port else ""
            bare = f"{url.scheme}://{url.host}{port}{url.raw_path.decode('ascii', 'replace')}"
        except httpx.InvalidURL:
            bare = check.url
        return f"{check.method} {shown(bare)}"

    async def look(self, check: HealthSpec, where: Where) -> Finding:
        """Good when the status is the expected one, or from 200 to 399 where none is expected."""
        try:
            status = await self._status(check.method, httpx.URL(check.url))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Finding(False, f"{self.subject(check)} → {reason(error)}")
        expected = check.expected_status
        if status == expected or (not expected and status in FINE):
            return Finding(True, f"{self.subject(check)} → {status}")
        wanted = str(expected) if expected else f"{FINE[0]} to {FINE[-1]}"
        return Finding(False, f"{self.subject(check)} → {status}, expected {wanted}")

    async def _status(self, method: str, url: httpx.URL) -> int:
        """Ask, at each address of the host until one accepts the connection; return the status."""
        first: httpx.ConnectError | None = None
        for address in addresses(url.host):
            request = self._request(method, url, address)
            try:
                response = await self._client(url.scheme).send(request, stream=True)
            except httpx.ConnectError as error:
                first = first or error
                continue
            await response.aclose()  # a page without an end, or of a gigabyte, is hung up on
            return response.status_code
        raise first or httpx.ConnectError("no address")

    def _request(self, method: str, url: httpx.URL, address: str) -> httpx.Request:
        """Return a request that goes to `address` and asks for `url`."""
        headers = {"Host": url.netloc.decode("ascii"), **HEADERS}
        extensions = {"sni_hostname": url.host} if url.scheme == "https" else {}
        return self._client(url.scheme).build_request(
            method, url.copy_with(host=address), headers=headers, extensions=extensions
        )

    def _client(self, scheme: str) -> httpx.AsyncClient:
        """Return the client; certificates, which take 35 ms to load, are loaded for the first https only."""
        if scheme not in self._clients:
            self._clients[scheme] = httpx.AsyncClient(
                verify=scheme == "https",
                follow_redirects=False,
                trust_env=False,  # proxies, netrc: a look goes where it was told to
                timeout=None,  # the looker's own bounds the whole look
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
        return self._clients[scheme]

    async def close(self) -> None:
        """Close the clients."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()
