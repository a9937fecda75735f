"""Searches over samples and submissions, and statistics over submissions."""
