"""`guardian status` beside the status commands of the peers."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from crowd import crowd
from house import House
from litter import Litter
from measure import Table, command
from waiting import wait_until

PEERS = Path(__file__).parents[2] / ".bench"
SERVICES = 10
SUPERVISORD = """
[unix_http_server]
file = {run}/s.sock
[supervisord]
nodaemon = true
logfile = {run}/s.log
pidfile = {run}/s.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl = unix://{run}/s.sock
"""
PROGRAM = "[program:s{0}]\ncommand = /bin/sleep 300\n"


@pytest.fixture(scope="session")
def supervisor() -> Path:
    """Return the folder of supervisor's commands, in an environment of its own; skip without network."""
    folder = PEERS / "supervisor"
    if not (folder / "bin" / "supervisord").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "-qq", "supervisor", "setuptools<81"]
        if subprocess.run(pip, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            pytest.skip("needs supervisor: pip could not install it")
    return folder / "bin"


@pytest.fixture
def supervisorctl(supervisor: Path, house: House, litter: Litter) -> Iterator[list[str]]:
    """Run a supervisord with ten services; return the command that asks it for their status."""
    config = house.root / "supervisord.conf"
    programs = (PROGRAM.format(number) for number in range(SERVICES))
    config.write_text(SUPERVISORD.format(run=house.root) + "".join(programs))
    daemon = [str(supervisor / "supervisord"), "-c", str(config)]
    litter.start(*daemon, fuse=600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ask = [str(supervisor / "supervisorctl"), "-c", str(config), "status"]

    def up() -> bool:
        said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
        return said.count("RUNNING") == SERVICES

    wait_until(up, 60, what="supervisord with its services", every=0.2)
    return ask


def bench_status(supervisorctl: list[str], house: House, litter: Litter, table: Table) -> None:
    """Asking guardian, which looks at the whole machine, costs at most half of asking supervisord (P12)."""
    house.write_config('[rules.sleepers]\nnames = ["sleep"]\nmax_concurrent = 100\n')
    own = Path(sys.executable).with_name("guardian")
    ours = [str(own)] if own.exists() else [sys.executable, "-m", "guardian"]
    ask, peers = command(*ours, "status"), {"supervisorctl": command(*supervisorctl)}
    table.compare("status of 10 launches", ask, peers, runs=15, aims={"supervisorctl": 0.5})
    crowd(litter, 500)
    table.compare("  on a machine with 500 processes", ask, peers, runs=15, aims={})
