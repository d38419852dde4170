"""The command line as in tests/pipeline."""

from tests.pipeline.conftest import run

__all__ = ["run"]
