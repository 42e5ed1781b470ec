"""`guardian run` in a terminal: as if it were not there. A shell with job control in a pty of its own.

Nothing here sleeps: a command says `up` before anything is typed at it, and what is typed too
early waits in the terminal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pexpect
import pytest
from house import House
from litter import MARK, Litter
from waiting import wait_until

PROMPT = "PROMPT> "
SHELLS = {"bash": ["--norc", "--noprofile", "-i"], "dash": ["-i"], "zsh": ["-f", "-i"]}
UP_AND_SLEEP = "sh -c 'echo up; exec sleep 50'"
PATIENCE = 20


class Shell:
    """An interactive shell, and `$G` in it for guardian run."""

    def __init__(self, name: str, litter: Litter) -> None:
        environment = {**os.environ, MARK: litter.mark, "PS1": PROMPT, "TERM": "vt100", "ENV": "", "LESS": ""}
        self.pty = pexpect.spawn(
            shutil.which(name) or name,
            SHELLS[name],
            env=environment,
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(24, 200),
        )
        litter.remember(self.pty.pid)
        self.prompt()
        self.run(f"G='{sys.executable} -m guardian run'")

    def prompt(self) -> None:
        """Wait for the prompt."""
        self.pty.expect_exact(PROMPT)

    def type(self, line: str) -> None:
        """Type a line; the command goes on running."""
        self.pty.sendline(line)
        self.pty.expect_exact("\n")  # its echo

    def run(self, line: str) -> None:
        """Type a line and wait for the prompt."""
        self.type(line)
        self.prompt()

    def up(self, line: str) -> None:
        """Type a line that says `up` when it runs."""
        self.type(line)
        self.pty.expect_exact("up\r\n")

    def key(self, letter: str) -> None:
        """Press control and a letter."""
        self.pty.sendcontrol(letter)

    def code(self) -> int:
        """Return the exit code of the last command."""
        self.type("echo code:$?:")
        self.pty.expect(r"code:(\d+):")
        code = int(self.pty.match.group(1))
        self.prompt()
        return code


@pytest.fixture(params=[name for name in SHELLS if shutil.which(name)])
def shell(request: pytest.FixtureRequest, house: House, litter: Litter) -> Iterator[Shell]:
    """An interactive shell that is gone after the test."""
    made = Shell(request.param, litter)
    yield made
    made.pty.close(force=True)


@pytest.fixture
def bash(house: House, litter: Litter) -> Iterator[Shell]:
    """A bash."""
    made = Shell("bash", litter)
    yield made
    made.pty.close(force=True)


def test_interrupt_reaches_the_command(shell: Shell) -> None:
    """^C ends the command, and the shell goes on with 130."""
    shell.up(f"$G {UP_AND_SLEEP}")
    shell.key("c")
    shell.prompt()
    assert shell.code() == 130


def test_quit_reaches_the_command(shell: Shell) -> None:
    """^\\ ends the command."""
    shell.run("ulimit -c 0")
    shell.up(f"$G {UP_AND_SLEEP}")
    shell.key("\\")
    shell.prompt()
    assert shell.code() == 131


def test_interrupt_comes_exactly_once(shell: Shell) -> None:
    """Who counts its SIGINTs counts one for each ^C."""
    counting = (
        "n=0; trap 'n=$((n+1)); echo got $n' INT; echo up; while [ $n -lt 2 ]; do sleep 0.05; done; exit 0"
    )
    shell.up(f'$G sh -c "{counting.replace("$", chr(92) + "$")}"')
    shell.key("c")
    shell.pty.expect_exact("got 1")
    shell.key("c")
    shell.pty.expect_exact("got 2")
    shell.prompt()
    assert shell.code() == 0


def test_what_is_typed_reaches_the_command(shell: Shell) -> None:
    """`guardian run cat` reads the terminal, and ^D ends it."""
    shell.type("$G cat")
    shell.pty.sendline("hello")
    shell.pty.expect_exact("hello\r\nhello\r\n")
    shell.key("d")
    shell.prompt()
    assert shell.code() == 0


def test_stop_and_foreground(shell: Shell) -> None:
    """^Z stops the job as the shell knows it, and fg takes it on."""
    shell.type("$G cat")
    shell.pty.sendline("hello")
    shell.pty.expect_exact("hello\r\nhello\r\n")
    shell.key("z")
    shell.pty.expect("(?i)stopped|suspended")
    shell.prompt()
    shell.type("fg")
    shell.pty.expect_exact("cat\r\n")
    shell.pty.sendline("again")
    shell.pty.expect_exact("again\r\nagain\r\n")
    shell.key("c")
    shell.prompt()
    assert shell.code() == 130


def test_stop_and_background(shell: Shell) -> None:
    """With bg the shell lets the stopped command go on, and wait tells its end."""
    shell.run("mkfifo $HOME/fifo")
    shell.up("$G sh -c 'echo up; read x <$HOME/fifo; echo \"w\"ent; exit 9'")
    shell.key("z")
    shell.pty.expect("(?i)stopped|suspended")
    shell.prompt()
    shell.run("bg")
    shell.run("echo go >$HOME/fifo")
    shell.type("wait %1; echo waited:$?:")
    shell.pty.expect(r"waited:(\d+):")
    assert shell.pty.match.group(1) == "9"


def test_started_in_the_background_it_waits_for_the_terminal(shell: Shell) -> None:
    """`guardian run cat &` is stopped when it reads, and fg takes it on."""
    shell.run("$G cat &")

    def stopped() -> bool:
        shell.type("jobs")
        return shell.pty.expect(["(?i)stopped|suspended", PROMPT]) == 0

    wait_until(stopped, PATIENCE, what="a stopped job")
    shell.run("echo settled")
    shell.type("fg")
    shell.pty.expect_exact("cat\r\n")
    shell.pty.sendline("third")
    shell.pty.expect_exact("third\r\nthird\r\n")
    shell.key("d")
    shell.prompt()


def test_a_stopped_job_can_be_ended(bash: Shell) -> None:
    """A shell's kill %1 ends a stopped job, as it would without guardian."""
    bash.type("$G cat")
    bash.pty.sendline("hello")
    bash.pty.expect_exact("hello\r\nhello\r\n")
    bash.key("z")
    bash.pty.expect("(?i)stopped|suspended")
    bash.prompt()
    bash.run("kill %1")
    bash.type("wait %1; echo waited:$?:")
    bash.pty.expect(r"waited:(\d+):")
    assert bash.pty.match.group(1) == "143"


def test_interrupt_ends_a_loop(bash: Shell) -> None:
    """A loop of guardian runs ends with one ^C, typed at the shell or in a script."""
    loop = f"for i in 1 2 3; do $G {UP_AND_SLEEP}; done"
    bash.up(loop)
    bash.key("c")
    bash.prompt()
    assert bash.code() == 130
    bash.run("export G")
    bash.up(f'bash -c "{loop.replace("$", chr(92) + "$")}; echo went on"')
    bash.key("c")
    assert bash.pty.expect_exact(["went on", PROMPT]) == 1


def test_a_pager_beside_it_has_the_terminal(bash: Shell) -> None:
    """`guardian run command | less`: less is in the foreground too, and reads the keys."""
    if not shutil.which("less"):
        pytest.skip("needs less")
    bash.type("$G sh -c 'seq 300' | less")
    bash.pty.expect_exact("22\r\n")
    bash.pty.send("q")
    bash.prompt()
    assert bash.code() == 0


def test_a_closed_pipe_ends_the_tree(bash: Shell) -> None:
    """`| head` ends the command by SIGPIPE."""
    bash.type("trap - PIPE; $G yes | head -1; echo codes:${PIPESTATUS[*]}:")
    bash.pty.expect(r"codes:(\d+) (\d+):")
    assert bash.pty.match.groups() == ("141", "0")


def test_a_shell_inside(bash: Shell) -> None:
    """A shell with job control inside has its own jobs, and its exit code comes through."""
    bash.type("$G env PS1='INNER> ' bash --norc --noprofile -i")
    bash.pty.expect_exact("INNER> ")
    bash.up(UP_AND_SLEEP)
    bash.key("z")
    bash.pty.expect_exact("Stopped")
    bash.pty.expect_exact("INNER> ")
    bash.type("fg")
    bash.key("c")
    bash.pty.expect_exact("INNER> ")
    bash.type("exit 5")
    bash.prompt()
    assert bash.code() == 5


def test_an_inner_shell_can_be_suspended(bash: Shell) -> None:
    """`suspend` in a shell inside stops the job outside, and fg takes it on."""
    bash.type("$G env PS1='INNER> ' bash --norc --noprofile -i")
    bash.pty.expect_exact("INNER> ")
    bash.type("suspend")
    bash.pty.expect_exact("Stopped")
    bash.prompt()
    bash.type("fg")
    bash.type("echo $((40+2))")
    bash.pty.expect_exact("42")
    bash.type("exit 6")
    bash.prompt()
    assert bash.code() == 6


def test_an_editor_inside(bash: Shell, house: House) -> None:
    """An editor gets its keys, is stopped by ^Z and taken on by fg, and writes its file."""
    if not shutil.which("vim"):
        pytest.skip("needs vim")
    bash.type("$G vim -u NONE -N $HOME/text")
    bash.pty.expect_exact("text")
    bash.pty.send("ihello\x1b")
    bash.key("z")
    bash.pty.expect_exact("Stopped")
    bash.prompt()
    bash.type("fg")
    bash.pty.send(":wq\r")
    bash.prompt()
    assert bash.code() == 0
    assert (house.home / "text").read_text() == "hello\n"


def test_a_stop_pauses_the_clock(bash: Shell) -> None:
    """The time that a job is stopped does not count against its timeout."""
    bash.up(f"$G --timeout 2s {UP_AND_SLEEP}")
    bash.key("z")
    bash.pty.expect_exact("Stopped")
    bash.prompt()
    bash.run("sleep 2.5")
    bash.type("fg && echo; echo code:$?:")
    assert bash.pty.expect([r"code:124:", r"guardian: "]) == 1, "ended at once: the clock went on"
    bash.pty.expect_exact("code:124:")


def test_the_terminal_comes_back_from_the_dead(bash: Shell) -> None:
    """A shell inside that is ended does not take the terminal along."""
    bash.type(
        'bash -c "$G --timeout 500ms --grace 0 bash --norc --noprofile -i; read line; echo read:\\$line:"'
    )
    bash.pty.expect_exact("guardian: ended")
    bash.pty.sendline("word")
    bash.pty.expect_exact("read:word:")


def test_hangup_ends_the_command(bash: Shell, litter: Litter) -> None:
    """When the terminal goes, the command gets its SIGHUP, and nothing is left."""
    bash.up(f"$G {UP_AND_SLEEP}")
    bash.pty.close(force=False)
    wait_until(lambda: not litter.alive(), PATIENCE, what="an empty tree")


def direct(litter: Litter, *words: str) -> pexpect.spawn:
    """Start guardian as the leader of the session of a new terminal, as `docker run -it` does."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "guardian", "run", *words],
        env={**os.environ, MARK: litter.mark},
        encoding="utf-8",
        timeout=PATIENCE,
    )
    litter.remember(child.pid)
    return child


def test_a_session_leader_gives_the_terminal_to_the_command(house: House, litter: Litter) -> None:
    """With no shell above, the command reads the terminal and gets ^C; ^Z stops nobody for ever."""
    child = direct(litter, "cat")
    child.sendline("hello")
    child.expect_exact("hello\r\nhello\r\n")
    child.sendcontrol("z")
    child.sendline("again")
    child.expect_exact("again\r\nagain\r\n")
    child.sendcontrol("c")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.signalstatus) in {(130, None), (None, 2)}


def test_a_shell_below_a_session_leader(house: House, litter: Litter) -> None:
    """An interactive shell is at home there."""
    child = direct(litter, "env", "PS1=INNER> ", "bash", "--norc", "--noprofile", "-i")
    child.expect_exact("INNER> ")
    child.sendline("exit 4")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 4


def test_what_a_person_has_in_front_is_spared_from_a_default_timeout(bash: Shell, house: House) -> None:
    """A default timeout does not end what a terminal has in its foreground; a timeout by flag does."""
    house.write_config('[limits]\ntimeout = "1s"\n')
    bash.up("$G sh -c 'echo up; read line; echo got $line'")
    subprocess.run(["sleep", "2.5"], check=True)  # longer than the timeout
    bash.pty.sendline("word")
    bash.pty.expect_exact("got word")
    bash.prompt()
    assert bash.code() == 0
    bash.type("$G --timeout 1s sh -c 'echo up; read line; echo got $line'")
    bash.pty.expect_exact("timeout 1s")
    bash.prompt()
    assert bash.code() == 124
