"""Owning a tree of processes: one contract, three ways to keep it."""
