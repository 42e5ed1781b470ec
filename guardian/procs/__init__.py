"""Seeing: the one place that reads processes, and pure questions about what was seen."""
