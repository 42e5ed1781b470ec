"""Ending processes: whom never, in which order, how hard; and the one file that sends signals."""
