"""The benchmark of pruning's time, on few samples."""

import re

from click.testing import CliRunner

from benchmarks import pruning


def test_each_size_asked_for_is_timed_by_both_methods():
    shown = CliRunner().invoke(pruning.main, ["--samples", "4", "S"], catch_exceptions=False).output
    (found,) = re.findall(r"^DS-CNN S  2:4  reconstruct +(\d+\.\d) s  match +(\d+\.\d) s$", shown, re.MULTILINE)
    assert float(found[1]) > 0
