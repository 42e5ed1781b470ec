"""Hands that find out how a service is: looks at it, what it tells by itself, changes of its files."""
