"""`python -m tinyprune`."""

from tinyprune.cli import main

main()
