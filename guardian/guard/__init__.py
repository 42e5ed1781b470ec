"""The loop: see, decide, act; and the commands made of it: cleanup, monitor, status, run."""
