"""A link or a network and inputs → figures: benchmarks, accuracy, reports as data."""
