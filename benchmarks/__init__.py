"""Ourselves and our peers, measured in one run: `python -m benchmarks.peers`."""
