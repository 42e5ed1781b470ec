"""What the examples have in common: free ports, servers, and saying what was seen."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from guardian import ProcessEvent, ProcessManager

PYTHON = sys.executable
FUSE = "import signal; signal.alarm(90)\n"  # nothing of an example outlives it by long

# A web server on $PORT: /health answers 200, /deep-health a JSON, /grow takes 80 MB, /die exits with 3.
WEB = (
    FUSE
    + """
import http.server, json, os, sys
hoard = []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        if self.path == "/grow":
            hoard.append(os.urandom(80 << 20))
        body = json.dumps({"status": "healthy", "database": "connected", "env": os.environ.get("NODE_ENV")})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, form, *about):
        print("WARN: " + form % about, file=sys.stderr, flush=True)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("Server listening on", os.environ["PORT"], flush=True)
server.serve_forever()
"""
)

WORKER = (
    FUSE
    + """
import itertools, time
print("Worker ready", flush=True)
for count in itertools.count(1):
    print(f"Worker processed {count} jobs successfully", flush=True)
    time.sleep(0.05)
"""
)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def write(name: str, text: str) -> str:
    """Write a file below the working directory; return its path."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def say(**facts: object) -> None:
    """Tell the test what was seen."""
    print(json.dumps(facts, default=str), flush=True)


async def get(port: int, path: str) -> str:
    """Return what a server answers; empty when it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    try:
        return (await reader.read()).decode()
    except ConnectionError:
        return ""
    finally:
        writer.close()


class Witness:
    """Remembers what happened, so that it can be waited for."""

    def __init__(self, manager: ProcessManager) -> None:
        self._heard: asyncio.Queue[ProcessEvent] = asyncio.Queue()
        self.forget = manager.on("*", self._heard.put_nowait)

    async def sees(self, name: str, service: str) -> ProcessEvent:
        """Return the next event of that name of that service."""
        return await self.matches(lambda event: (event.name, event.service) == (name, service))

    async def matches(self, fits: Callable[[ProcessEvent], bool]) -> ProcessEvent:
        """Return the next event that fits."""
        async with asyncio.timeout(30):
            while True:
                event = await self._heard.get()
                if fits(event):
                    return event
