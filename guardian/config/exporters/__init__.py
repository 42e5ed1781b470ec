"""What guardian.toml says, for other tools: one entry in EXPORTERS for each."""

from __future__ import annotations
