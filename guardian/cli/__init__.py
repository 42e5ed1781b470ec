"""The command line: parse, ask, render; nothing is decided here."""
