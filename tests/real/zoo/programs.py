"""Real programs that do in daily life what the rest of the zoo does on purpose."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import time

from tests.real.zoo import cage
from tests.real.zoo.behaviour import LEADER_CODE, behaviour
from tests.real.zoo.cage import FUSE, become, child, shell


@behaviour("a background job of a shell")
def shell_job() -> None:
    shell("sleep 20 &")


@behaviour("a background job that survives a hangup", needs=("nohup",))
def nohup_job() -> None:
    shell("nohup sleep 20 > /dev/null 2>&1 &")


@behaviour("a disowned job of an interactive shell", needs=("bash",))
def disowned_job() -> None:
    shell("set -m; sleep 20 & disown -a", program="bash")


@behaviour("setsid --fork, as start scripts use it", needs=("setsid",))
def setsid_job() -> None:
    shell("setsid --fork sleep 20 < /dev/null > /dev/null 2>&1")


@behaviour("a command with a timeout of its own, in a group of its own", needs=("timeout",))
def nested_timeout() -> None:
    shell("timeout 20 sleep 20 &")


@behaviour("a shell loop that is a new process every few milliseconds")
def busy_loop() -> None:
    shell("(while [ $((i+=1)) -lt 4000 ] && sleep 0.003; do :; done) &")


@behaviour("a shell that traps every signal and waits for its jobs")
def trapping_shell() -> None:
    shell("(trap '' TERM HUP INT QUIT; while [ $((i+=1)) -lt 100 ]; do sleep 0.2; done) &")


@behaviour("a chatterbox that fills the pipe of the output and stays there")
def chatterbox() -> None:
    shell("yes guardian & yes runaway >&2 &")


@behaviour("a child that holds the pipe of the output open, and says nothing")
def pipe_holder() -> None:
    shell("setsid sleep 20 2> /dev/null < /dev/null & echo done")


@behaviour("a terminal session of script(1)", needs=("script",))
def script_session() -> None:
    shell("script -qc 'sleep 20 & sleep 20' /dev/null < /dev/null > /dev/null &")


@behaviour("a tmux server with a window", needs=("tmux",))
def tmux_server() -> None:
    shell("TMUX_TMPDIR=$PWD tmux -L zoo -f /dev/null new-session -d 'sleep 20'")


@behaviour("a child in its own session that holds a lock")
def lock_holder() -> None:
    lock = os.open("lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    child(os.setsid)


@behaviour("the workers of a multiprocessing pool whose owner goes without closing it")
def pool_workers() -> None:
    reading, writing = os.pipe()
    pool = multiprocessing.get_context("fork").Pool(4)
    pool.map_async(work_on, [writing] * 4)
    for _ in range(4):
        os.read(reading, 1)


def work_on(writing: int) -> None:
    """Say that a worker has got its task, and take long over it."""
    os.write(writing, b".")
    time.sleep(FUSE)


SERVER = """
const { spawn } = require("node:child_process");
const serve = `require("node:http").createServer((q, a) => a.end()).listen(0);
  setTimeout(process.exit, 20000)`;
const server = spawn(process.execPath, ["-e", serve], { detached: true, stdio: "ignore" });
server.on("spawn", () => {
  server.unref();
  require("node:fs").writeFileSync(process.env.ZOO_ACTED, "");
  if (process.env.ZOO_MODE === "exit") process.exit(CODE);
});
setTimeout(() => {}, 20000);
""".replace("CODE", str(LEADER_CODE))


@behaviour("a node program that leaves a detached server", needs=("node",), roomy=True)
def node_server() -> None:
    become("node", "-e", SERVER, env=dict(os.environ) | {"ZOO_MODE": cage.mode})


@behaviour("a bun program that leaves a detached server", needs=("bun",), roomy=True)
def bun_server() -> None:
    become(os.environ["ZOO_BUN"], "-e", SERVER, env=dict(os.environ) | {"ZOO_MODE": cage.mode})
