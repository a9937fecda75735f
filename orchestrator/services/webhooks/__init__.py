"""Tells others of events over HTTP: signed, tried again until taken, at least once."""
