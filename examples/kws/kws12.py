"""Train DS-CNN on `kws12`: silence, unknown and the ten words of Speech Commands, with few false alarms.

    python examples/kws/kws12.py --data DIR --negatives SOUNDS --size S --seed 1 --out runs/kws12-s1

The split is the official one; nothing of the test split is read. SOUNDS has a folder for each kind of sound, people
speak in `speech`; files called `3-…` are held out, as the third fold of ESC-10 is. What is heard and how is
`tinyprune/training/keywords.py`, the same as for words of one's own. Interrupt it whenever you like: the same command
goes on after the last finished epoch.
"""

import argparse
import sys
from pathlib import Path

import train as script

from tinyprune.cli.train import lines
from tinyprune.tasks import train as task
from tinyprune.training import models, speech_commands
from tinyprune.training.gather import Gathered, kinds_of, sounds_and_speech
from tinyprune.training.keywords import Material
from tinyprune.training.own_words import Notes

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
HELD_OUT = "3-"


def main() -> int:
    return script.attempt(run, parse(sys.argv[1:]))


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train DS-CNN for twelve classes and few false alarms.")
    parser.add_argument("--data", type=Path, required=True, help="folder of Speech Commands (`tinyprune data fetch`)")
    parser.add_argument("--negatives", type=Path, help="folder of folders of sounds without words")
    parser.add_argument("--size", choices=tuple(models.GEOMETRIES), default="S")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=60, help="dense; two thirds as many at 2:4 (default %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the zoo entry")
    parser.add_argument("--data-set", default=script.DATA_SET, help="what the metadata call it (default: %(default)s)")
    return parser.parse_args(words)


def run(arguments: argparse.Namespace) -> None:
    kinds = kinds_of(arguments.negatives, lambda path: path.name.startswith(HELD_OUT))
    parts = []
    splits: tuple[speech_commands.Split, ...] = ("train", "validation")
    for number, split in enumerate(splits):
        audio = speech_commands.load(arguments.data, split, left_out=())
        words = {word: audio.words[word] for word in WORDS}
        unknown = {word: clips for word, clips in audio.words.items() if word not in WORDS}
        parts.append(Material(words, unknown, *sounds_and_speech(kinds, number), audio.noise))
    speakers = {
        speech_commands.speaker_of(path)
        for word, paths in speech_commands.clip_paths(arguments.data, "validation").items()
        if word in WORDS
        for path in paths
    }
    heard = Gathered(parts[0], parts[1], len(speakers), arguments.data_set, "kws12", "validation")
    request = task.TrainRequest(
        arguments.data,
        arguments.out,
        WORDS,
        arguments.size,
        arguments.negatives,
        None,
        arguments.epochs,
        arguments.seed,
    )
    report = task.train_on(request, heard, Notes(), lambda said: print(said, flush=True))
    print(*lines(report), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
