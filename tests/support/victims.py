"""Small programs that tests start to see how guardian treats them; each says "up" when it is ready."""

from __future__ import annotations

# A test that loops for ever: bun's own timeout cannot stop it.
LOOP = """
import { test } from "bun:test";
import { writeSync } from "node:fs";
test("loops", () => { writeSync(1, "up\\n"); while (true) {} }, 1e9);
"""

# Python: waits to be ended; waits, and is deaf to SIGTERM.
SLEEPER = "import signal; print('up', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
