"""How each peer does the same no-op work: scripts that run in the peer's own environment, not in Assay's."""
