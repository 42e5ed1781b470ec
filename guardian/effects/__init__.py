"""Acting: the only door from decisions to the system."""
