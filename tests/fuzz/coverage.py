"""Coverage-guided fuzzing with Atheris (`pip install atheris`): inputs that reach new code are kept and changed on.

    python -m tests.fuzz.coverage model FOLDER -max_total_time=600

FOLDER holds what was found to be of interest, so that the next run goes on; what follows are libFuzzer's options.
"""

import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["tinyprune", "tflite", "flatbuffers", "tomllib", "tomli"]):
        from tests.fuzz import targets
        from tinyprune.errors import TinypruneError

    name, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.seeds(name)):
        (folder / f"seed-{number}").write_bytes(seed)

    def test_one_input(data: bytes) -> None:
        with suppress(TinypruneError):
            targets.TARGETS[name](data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
