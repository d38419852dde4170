"""Attacks by machine that go on for as long as there is time: `python -m tests.fuzz mutants --until 1000000`."""
