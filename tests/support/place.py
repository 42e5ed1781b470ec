"""Surroundings in which a configuration is looked for, below a test's own folder."""

from __future__ import annotations

from pathlib import Path

from guardian.config.load import load_settings
from guardian.config.settings import Settings


class Place:
    """A home, a project and a cache."""

    def __init__(self, root: Path) -> None:
        self.home, self.project = root / "home", root / "project"
        self.project.mkdir(parents=True)
        self.home.mkdir()
        self.cache = root / "cache"
        self.environ = {"HOME": str(self.home), "GUARDIAN_CACHE_DIR": str(self.cache)}

    @property
    def file(self) -> Path:
        """The project's guardian.toml."""
        return self.project / "guardian.toml"

    @property
    def user_file(self) -> Path:
        """The user's guardian.toml."""
        return self.home / ".config" / "guardian" / "guardian.toml"

    def write(self, text: str) -> Path:
        """Write the project's file."""
        self.file.write_text(text, encoding="utf-8")
        return self.file

    def write_user(self, text: str) -> Path:
        """Write the user's file."""
        self.user_file.parent.mkdir(parents=True, exist_ok=True)
        self.user_file.write_text(text, encoding="utf-8")
        return self.user_file

    def load(self, *, cwd: Path | None = None, allow_everything: bool = False, **flags: object) -> Settings:
        """Load the settings here; flags by key, with __ for the dot."""
        return load_settings(
            flags={key.replace("__", "."): value for key, value in flags.items()},
            environ=self.environ,
            cwd=str(cwd or self.project),
            allow_everything=allow_everything,
        )
