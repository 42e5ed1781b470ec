"""The addresses of a name, where they can be told without asking anybody."""

from __future__ import annotations

LOOPBACK = ("127.0.0.1", "::1")


def addresses(host: str) -> tuple[str, ...]:
    """Return what to connect to, one after the other: for localhost both loopback addresses, else the name.

    RFC 6761 (6.3) lets a program answer for localhost by itself. Names are resolved by a few
    threads that a silent name server blocks: what is on this machine must not wait behind those.
    """
    local = host.lower().removesuffix(".")
    return LOOPBACK if local == "localhost" or local.endswith(".localhost") else (host,)
