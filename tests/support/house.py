"""Folders of a test's own for everything that guardian reads and writes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


class House:
    """A home, state, runtime and cache folder, and a configuration; nothing of the user's is touched.

    Its paths are short: a Unix socket's may have 107 bytes.
    """

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))
        self.home = self._folder("home")
        self.state = self._folder("state")
        self.runtime = self._folder("run")
        self.cache = self._folder("cache")
        self.config = self.root / "guardian.toml"
        self.write_config("")

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(mode=0o700)
        return folder

    def write_config(self, text: str) -> Path:
        """Make `text` the configuration that GUARDIAN_CONFIG names; return its path."""
        self.config.write_text(text, encoding="utf-8")
        self.config.chmod(0o600)  # as root, one that others may write is refused
        return self.config

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead guardian here."""
        return {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local/state"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "GUARDIAN_STATE_DIR": str(self.state),
            "GUARDIAN_RUNTIME_DIR": str(self.runtime),
            "GUARDIAN_CACHE_DIR": str(self.cache),
            "GUARDIAN_CONFIG": str(self.config),
            "GUARDIAN_MONITOR_AUTOSTART": "false",  # nobody but the test's own is to be judged
        }

    def remove(self) -> None:
        """Remove everything, folders without rights included."""
        for folder, _, _ in os.walk(self.root):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.root)
