"""Hits and false alarms an hour of networks for keywords, on what `kws12.py` holds out: a table for docs/audio.md.

    python examples/kws/hearing.py --data DIR --negatives SOUNDS ds-cnn-s-2x4 kws12-s-2x4

Networks are entries of the zoo, or .tflite files beside their entry's .json; each is heard by the rule that its entry
has. Of what is held out, only the half is listened to that chose no rule. Words that a network does not know are
neither words nor unknown words to it. Tones and noise are made here, of every level.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import kws12
import numpy as np
import train as script

from tinyprune.measure import hearing_rule, held_out
from tinyprune.measure.held_out import Passage
from tinyprune.measure.streams import Tally
from tinyprune.sound.features import SAMPLE_RATE_HZ
from tinyprune.training import augmentation, zoo

HEADING = (
    *("network", "looks, threshold", "hits", "household sounds", "kinds left out"),
    *("unknown words", "speech", "tones", "noise"),
)
LEVELS = (0, 1, 3, 10, 30, 100, 1_000, 10_000)
TONES_HZ = (100, 250, 440, 1_000, 2_000, 3_500)
MADE_S = 10


def main() -> int:
    parser = argparse.ArgumentParser(description="Hits and false alarms an hour on what kws12.py holds out.")
    parser.add_argument("--data", type=Path, required=True, help="folder of Speech Commands (`tinyprune data fetch`)")
    parser.add_argument("--negatives", type=Path, required=True, help="folder of folders of sounds without words")
    parser.add_argument(
        "--left-out", action="append", default=[], metavar="KIND", help="kinds that nobody trained on, by themselves"
    )
    parser.add_argument("--curve", action="store_true", help="hits and false alarms at other thresholds as well")
    parser.add_argument("--kinds", action="store_true", help="each kind of sound by itself as well")
    parser.add_argument("networks", nargs="+", help="names of the zoo, or files")
    return script.attempt(run, parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    training, given = kws12.material(arguments.data, arguments.negatives, arguments.left_out)
    print(f"| {' | '.join(HEADING)} |", f"|{'--|' * len(HEADING)}", sep="\n")
    kinds = {}
    for name in arguments.networks:
        path = Path(name)
        entry = zoo.load(path.stem, path.parent if path.suffix else zoo.FOLDER)
        content = zoo.int8_model(entry, path.parent if path.suffix else zoo.FOLDER)
        known = replace(given, words={word: clips for word, clips in given.words.items() if word in entry.labels})
        passages = [*held_out.halves(known, training.sounds)[1], *made()]
        heard = held_out.looked(content, passages)
        tallies = hearing_rule.tallies(heard, entry.labels, entry.rule)
        kinds[entry.name] = tallies
        rule = f"{entry.rule.smoothed}, {entry.rule.threshold}"
        print(f"| {entry.name} | {rule} | {' | '.join(cells(tallies, list(training.sounds)))} |", flush=True)
        for point in hearing_rule.curve(heard, entry.labels, entry.rule) if arguments.curve else ():
            at = f"{entry.rule.smoothed}, {point.threshold:g}"
            print(f"| | {at} | {' | '.join(cells(point.streams, list(training.sounds)))} |", flush=True)
    for name, tallies in kinds.items() if arguments.kinds else ():
        print(name, *(f"{each.kind} {rate([each])}" for each in tallies), sep="\n  ")


def made() -> Iterator[Passage]:
    """Steady tones and noise of all colours from nothing to loud."""
    rng = np.random.default_rng(0)
    time_s = np.arange(MADE_S * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    for level in LEVELS:
        for hertz in TONES_HZ:
            yield held_out.alone("tones", augmentation.to_int16(level * np.sin(2 * np.pi * hertz * time_s)))
        for noise in augmentation.noise(len(TONES_HZ), rng, len(time_s)):
            yield held_out.alone("noise", augmentation.to_int16(level * noise))


def cells(tallies: Sequence[Tally], household: Sequence[str]) -> list[str]:
    words = next(each for each in tallies if each.kind == held_out.WORDS)
    hits = words.hits / words.said
    left_out = [each.kind for each in tallies if each.kind.endswith(held_out.LEFT_OUT)]
    groups = [[*household], left_out, *([kind] for kind in (held_out.OTHER_WORDS, held_out.SPEECH, "tones", "noise"))]
    return [
        f"{100 * hits:.1f} ± {100 * math.sqrt(hits * (1 - hits) / words.said):.1f} %",
        *(rate([each for each in tallies if each.kind in group]) for group in groups),
    ]


def rate(tallies: Sequence[Tally]) -> str:
    """False alarms an hour, and how far chance alone moves that."""
    if not tallies:
        return "–"
    alarms, hours = sum(each.false_alarms for each in tallies), sum(each.seconds for each in tallies) / 3600
    return f"{alarms / hours:.0f} ± {math.sqrt(max(1, alarms)) / hours:.0f}"


if __name__ == "__main__":
    sys.exit(main())
