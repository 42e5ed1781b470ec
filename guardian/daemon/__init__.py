"""The brain: what services.mind decides, done. One project's supervision, and the way to talk to it."""
