"""Use cases, one verb per function. Only they commit, through the unit of work."""
