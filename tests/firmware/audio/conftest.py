"""The command line as in tests/tasks."""

from tests.tasks.conftest import run

__all__ = ["run"]
