"""What the benchmarks share: figures, pages, plots, servers and worker processes of a run's own."""
