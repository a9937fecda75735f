"""Assay: a message-queue-driven orchestrator of sample analysis."""
