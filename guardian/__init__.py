"""guardian keeps runaway processes from taking a machine down, and keeps wanted ones up."""

__version__ = "0.1.0"
