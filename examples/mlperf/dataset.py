"""A keyword-spotting data set as MLPerf Tiny's runner reads it: raw int8 inputs of a finished build, and y_labels.csv.

    python -m examples.mlperf.dataset --audio speech_commands --build build/nano33 --output datasets

writes `datasets/kws01/*.bin`. The inputs are those of the network's task (10 classes), not the benchmark's own 1,000
recordings of 12 classes: results on them are no MLPerf results.
"""

import argparse
import sys
from pathlib import Path

from tinyprune.compiler import reader
from tinyprune.errors import TinypruneError
from tinyprune.measure import labelled
from tinyprune.training import speech_commands

NAME = "kws01"


def write(audio: Path, build: Path, output: Path, split: speech_commands.Split, limit: int | None) -> int:
    """Writes a data set for the model in `build`; returns how many inputs there are. Raises TinypruneError."""
    model = build / "model.tflite"
    graph = reader.read(reader.read_bytes(model), str(model))
    clips = labelled.read_split(audio, split, graph.ends("the data set")[0], speech_commands.LABELS)
    folder = output / NAME
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    step = max(1, len(clips.inputs) // limit) if limit else 1
    for number in range(0, len(clips.inputs), step)[:limit]:
        label = int(clips.truth.classes[number])
        name = f"tst_{number:06}_{clips.truth.labels[label]}_{label}.bin"
        (folder / name).write_bytes(clips.inputs[number].tobytes())
        lines.append(f"{name},{len(clips.truth.labels)},{label}\n")
    (folder / labelled.MLPERF_INDEX).write_text("".join(lines), encoding="utf-8")
    return len(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="Speech Commands")
    parser.add_argument("--build", type=Path, required=True, help="folder that `tinyprune build` has written")
    parser.add_argument("--output", type=Path, required=True, help="the runner's --dataset_path")
    parser.add_argument("--split", choices=["train", "validation", "test"], default="validation")
    parser.add_argument("--limit", type=int, help="so many inputs, evenly over all of them")
    given = parser.parse_args()
    try:
        print(f"{write(given.audio, given.build, given.output, given.split, given.limit)} inputs in {given.output}")
    except TinypruneError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
