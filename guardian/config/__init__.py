"""guardian.toml, variables and flags become one frozen `Settings`; wrong input becomes one line."""
