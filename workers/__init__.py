"""The analysis workers of the core install: one file each, found by entry point."""
