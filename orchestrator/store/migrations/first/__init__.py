"""The first schema, written out: it stays as it was, whatever becomes of the tables."""
