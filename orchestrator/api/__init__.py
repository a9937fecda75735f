"""The HTTP API: the wire contract of SampleDB v2, in FastAPI."""
