"""MLPerf Tiny's own runner (github.com/mlcommons/tiny, benchmark/runner), unmodified, on a port that has no USB ids.

    python -m examples.mlperf.runner --root tiny --port /dev/pts/3 --dataset datasets --mode p

The runner finds its device by USB vendor and product among the serial ports of the computer, where no pseudo terminal
and no port of an emulator is. This starts it in a process whose list of ports has one entry, `--port`, with ids that a
devices file made here names too. Nothing else is changed, and nothing of the runner is part of this project. With a
board on a USB cable it is not needed: write the ids into a devices file and start `main.py` as MLCommons say.
"""

import argparse
import os
import runpy
import sys
import tempfile
from pathlib import Path

DEVICES = """\
- name: tinyprune
  type: dut
  baud: 115200
  usb:
    0x1209: 0x0001
"""
VENDOR, PRODUCT = 0x1209, 0x0001
TESTS = {"a": "tests_accuracy.yaml", "p": "tests_performance.yaml"}


def run(root: Path, port: str, dataset: Path, mode: str, sessions: Path) -> None:
    """Runs `root`/benchmark/runner/main.py in this process; it writes its results below `sessions`/sessions."""
    from serial.tools import list_ports, list_ports_common

    folder = (root / "benchmark/runner").resolve()
    if not (folder / "main.py").is_file():
        sys.exit(f"error: {root} is no checkout of github.com/mlcommons/tiny: it has no benchmark/runner/main.py")
    entry = list_ports_common.ListPortInfo(port)
    entry.vid, entry.pid, entry.description = VENDOR, PRODUCT, "firmware of tinyprune"
    list_ports.comports = lambda *_, **__: [entry]
    with tempfile.TemporaryDirectory() as made:
        devices = Path(made) / "devices.yaml"
        devices.write_text(DEVICES)
        files = ["--device_list", str(devices), "--test_script", str(folder / TESTS[mode])]
        sys.argv = ["main.py", *files, "--dataset_path", str(dataset.resolve()), "--mode", mode]
        sys.path.insert(0, str(folder))
        os.environ.setdefault("MPLBACKEND", "Agg")
        os.chdir(sessions)
        runpy.run_path(str(folder / "main.py"), run_name="__main__")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="checkout of github.com/mlcommons/tiny")
    parser.add_argument("--port", required=True, help="what `tinyprune emulate --pty` printed")
    parser.add_argument("--dataset", type=Path, required=True, help="folder with kws01/y_labels.csv")
    parser.add_argument("--mode", choices=sorted(TESTS), required=True, help="accuracy or performance")
    parser.add_argument("--sessions", type=Path, default=Path(), help="where the runner makes its folder `sessions`")
    given = parser.parse_args()
    run(given.root, given.port, given.dataset, given.mode, given.sessions)


if __name__ == "__main__":
    main()
