"""What a command does, whole, without printing: one task a file. `build.py` has the line of stages: read it first."""
