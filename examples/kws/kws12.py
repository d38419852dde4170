"""Train a network on `kws12`: silence, unknown and the ten words of Speech Commands, with few false alarms.

    python examples/kws/kws12.py --data DIR --negatives SOUNDS --size S --seed 1 --out runs/kws12-s1

The split is the official one; nothing of the test split is read. SOUNDS has a folder for each kind of sound, people
speak in `speech`. Files called `3-…` are held out, as the third fold of ESC-10 is, and a fifth of the speakers, whose
names are before the first `_`. What is heard and how is `tinyprune/training/keywords.py`, the same as for words of
one's own. Interrupt it whenever you like: the same command goes on after the last finished epoch.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import train as script

from tinyprune.cli.train import lines
from tinyprune.sound.features import FRONT_ENDS
from tinyprune.sound.recordings import Int16
from tinyprune.tasks import train as task
from tinyprune.training import models, speech_commands
from tinyprune.training.gather import SPEECH, Gathered, kinds_of, sounds_and_speech
from tinyprune.training.keyword_training import Course
from tinyprune.training.keywords import Material
from tinyprune.training.own_words import Notes

WORDS = speech_commands.TEN_WORDS
HELD_OUT_FOLD = "3-"
LEARNING_RATE, BATCH_CLIPS = 2.5e-3, 128


def main() -> int:
    return script.attempt(run, parse(sys.argv[1:]))


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a network for twelve classes and few false alarms.")
    parser.add_argument("--data", type=Path, required=True, help="folder of Speech Commands (`tinyprune data fetch`)")
    parser.add_argument("--negatives", type=Path, help="folder of folders of sounds without words")
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="KIND", help="a kind of sound to measure with only"
    )
    parser.add_argument("--architecture", choices=tuple(models.BUILDERS), default=models.USUAL)
    parser.add_argument("--size", choices=tuple(models.GEOMETRIES), default="S")
    parser.add_argument("--front-end", choices=tuple(FRONT_ENDS), help="default: what the architecture hears")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=60, help="dense; two thirds as many at 2:4 (default %(default)s)")
    parser.add_argument(
        "--versions",
        type=int,
        default=8,
        help="epochs prepared before and after mining, and heard again: features take longer than training "
        "(default %(default)s)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the zoo entry")
    parser.add_argument("--data-set", default=script.DATA_SET, help="what the metadata call it (default: %(default)s)")
    return parser.parse_args(words)


def is_held_out(path: Path) -> bool:
    speaker = path.name.split("_")[0]
    is_other_speaker = path.parent.name in SPEECH and speech_commands.split_of(speaker) != "train"
    return path.name.startswith(HELD_OUT_FOLD) or is_other_speaker


def material(data: Path, negatives: Path | None, left_out: Sequence[str] = ()) -> tuple[Material, Material]:
    """What is trained on, and what is held out; kinds of sound that are `left_out` are not trained on."""
    kinds = kinds_of(negatives, is_held_out, left_out)
    splits: tuple[speech_commands.Split, ...] = ("train", "validation")
    training, held_out = (
        part_of(speech_commands.load(data, split, left_out=()), sounds_and_speech(kinds, number))
        for number, split in enumerate(splits)
    )
    return training, held_out


def part_of(audio: speech_commands.Audio, sounds: tuple[dict[str, list[Int16]], list[Int16]]) -> Material:
    words = {word: audio.words[word] for word in WORDS}
    unknown = {word: clips for word, clips in audio.words.items() if word not in WORDS}
    return Material(words, unknown, *sounds, audio.noise)


def run(arguments: argparse.Namespace) -> None:
    training, held_out = material(arguments.data, arguments.negatives, arguments.leave_out)
    paths = speech_commands.clip_paths(arguments.data, "validation")
    speakers = tuple(speech_commands.speaker_of(path) for word in WORDS for path in paths[word])
    task_name = speech_commands.KWS12.name
    heard = Gathered(training, held_out, speakers, arguments.data_set, task_name, "validation", task_name)
    course = Course(
        arguments.size,
        arguments.epochs,
        arguments.seed,
        LEARNING_RATE,
        LEARNING_RATE,
        BATCH_CLIPS,
        arguments.versions,
        arguments.front_end,
        evenly=True,
        architecture=arguments.architecture,
    )
    report = task.train_on(course, arguments.out, heard, Notes(), lambda said: print(said, flush=True))
    print(*lines(report), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
