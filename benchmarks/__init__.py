"""Benchmarks: every figure is taken in one interleaved run, and written as a table.

python -m benchmarks --help
"""
