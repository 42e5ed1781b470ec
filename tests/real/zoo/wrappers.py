"""The wrappers that the zoo is shown to, as data: guardian in its three ways, and its peers.

In a command line `{limit}` and `{grace}` are seconds, `{grace_ms}` milliseconds, `{python}` the
interpreter and `{peers}` the folder of peers/; the behaviour's own command line follows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wrapper:
    """One wrapper: how it is called, and what has to be installed."""

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()
    containment: str = ""  # of guardian

    def command(self, python: str, peers: str, *, limit: float, grace: float) -> list[str]:
        """Return the command line, to be followed by the command to run."""
        values = {"limit": f"{limit:g}", "grace": f"{grace:g}", "grace_ms": f"{grace * 1000:.0f}"}
        return [part.format(python=python, peers=peers, **values) for part in self.argv]


def _guardian(containment: str) -> Wrapper:
    limits = "--timeout {limit}s --grace {grace}s"
    words = f"{{python}} -m guardian run --containment {containment} {limits} --".split()
    return Wrapper(f"guardian {containment}", tuple(words), containment=containment)


def _peer(name: str, words: str, *needs: str) -> Wrapper:
    return Wrapper(name, tuple(words.split()), needs)


NAMESPACE = "unshare --pid --fork --kill-child --mount-proc"
GUARDIANS = {way: _guardian(way) for way in ("cgroup", "subreaper", "tree")}
ASK = _peer("SIGTERM only", "{python} {peers}/stop.py ask {limit} {grace}")

PEERS = (
    _peer("timeout -k", "timeout -k {grace} {limit}", "timeout"),
    _peer("killpg", "{python} {peers}/stop.py group {limit} {grace}"),
    _peer("psutil recipe", "{python} {peers}/stop.py tree {limit} {grace}", "psutil"),
    _peer("leader only", "{python} {peers}/stop.py leader {limit} {grace}"),
    _peer("tini -g", "{python} {peers}/stop.py leader {limit} {grace} tini -s -g --", "tini"),
    _peer("dumb-init", "{python} {peers}/stop.py leader {limit} {grace} dumb-init", "dumb-init"),
    _peer("pm2", "{peers}/pm2.sh {limit} {grace_ms}", "pm2"),
    _peer("PID namespace", f"timeout -k {{grace}} {{limit}} {NAMESPACE}", "unshare"),
)
