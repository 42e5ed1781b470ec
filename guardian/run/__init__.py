"""`guardian run`: two processes around one command, which watch each other and leave nothing behind."""
