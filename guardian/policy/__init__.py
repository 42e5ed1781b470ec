"""Deciding: limits, breaches, victims, rhythm. Pure: no clock, no system, no log."""
