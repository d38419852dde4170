"""Goes on with an attack, from where its file of counts says that it was. Ctrl-C or SIGTERM ends it without loss."""

import argparse
import contextlib
import signal
import sys
from pathlib import Path

from tests.fuzz import run
from tests.fuzz.kinds import KINDS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--until", type=int, default=1 << 62, help="the number of the last case, from 0 on")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="how long at most")
    parser.add_argument("--counts", type=Path, default=Path(__file__).with_name("counts.json"), help="the file")
    parser.add_argument("--replay", type=int, help="judge this number alone, and keep its file here")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        _replay(arguments.kind, arguments.replay)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        run.go_on(arguments.kind, arguments.until, arguments.counts, _say, 60 * arguments.minutes)
    tally = run.read(arguments.counts)[arguments.kind]
    _say(f"{arguments.kind}: {tally.next:,} cases in {tally.seconds / 3600:.2f} h: {dict(tally.verdicts)}")


def _replay(kind: str, number: int) -> None:
    case = KINDS[kind].make(number)
    path = Path(f"{kind}-{number}{KINDS[kind].suffix}")
    path.write_bytes(case)
    ((verdict, _),) = run.judged(kind, [case])
    _say(f"{path}: {verdict}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
