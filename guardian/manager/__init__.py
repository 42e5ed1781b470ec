"""The Python API: services under a manager with a daemon of its own, or of one that runs."""
