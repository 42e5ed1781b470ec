"""The gate: no more than so many launches at once, in the order of their arrival."""
