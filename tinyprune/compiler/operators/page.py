"""docs/operators.md, written from the table of operators and the docstrings of their rules.

python -m tinyprune.compiler.operators.page docs/operators.md

The section on public models at its end is written by a benchmark and stays.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from tinyprune import files
from tinyprune.compiler.kernels import KERNELS
from tinyprune.compiler.operators import OPERATORS
from tinyprune.compiler.operators.operator import Operator, sentence

_WIDTH = 159
#: How the section begins that is not made from rules.
MODELS = "## Public models"

_HEAD = """# Supported operators

This page lists the TensorFlow Lite operators that tinyprune runs, and what each of them must look like. A model that
breaks a rule is refused. The message names the operator, the tensor and the rule, and lists all obstacles of the model
at once. Tensors are int8 if nothing else is said. Operators for which the table says "int8, int16" take int16 tensors
as well (TFLite's 16x8 mode: int16 activations with zero point 0, int8 weights). All activations of such an operator
then are int16.

`python -m tinyprune.compiler.operators.page docs/operators.md` writes this page; a test compares it with the rules.
[At its end](#public-models) is what became of public models.

Some operators leave nothing behind: SHAPE, STRIDED_SLICE and PACK that only compute the shape of a RESHAPE, VAR_HANDLE
(the name of a variable) and CALL_ONCE (its subgraph may only assign constants to variables: their initial bytes).

Inputs and outputs may be float32, uint8, int16 or int32 in the file, with a QUANTIZE behind the input and a QUANTIZE or
DEQUANTIZE before the output. The generated network takes and gives int8 there. Notes in the build report say how to
convert: they give the scale and zero point of each. For uint8, int8 = uint8 − 128. In 16x8 networks they may be int16,
or float32; the generated network takes and gives int16.

Constants in TFLite's sparse encoding are expanded when the model is read, with or without a DENSIFY behind them.

| operator | what it is | types | kernels |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = "".join(
        f"| [{kind}](#{kind.lower()}) | {one.about} | {_types(one)} | {_kernels(one)} |\n"
        for kind, one in OPERATORS.items()
    )
    return _HEAD + rows + "\n" + "\n".join(_section(kind, one) for kind, one in OPERATORS.items())


def _types(operator: Operator) -> str:
    return ", ".join(kind.lower() for kind in operator.types)


def _kernels(operator: Operator) -> str:
    names = [f"`{kernel.name}`" for kernel in KERNELS if issubclass(operator.op, kernel.ops)]
    return ", ".join(names) if len(names) < 4 else f"{len(names)} kernels"


def _section(kind: str, operator: Operator) -> str:
    return f"## {kind}\n\n{operator.about}\n\n" + "".join(
        f"{fill(f'* {line}', _WIDTH, subsequent_indent='  ')}\n" for line in _rules(operator)
    )


def _rules(operator: Operator) -> Iterator[str]:
    for rule in operator.rules:
        text = sentence(rule)
        yield f"{text[:1].upper()}{text[1:]}."


def write(path: Path, models: str | None = None) -> None:
    """Writes the page, with another section on public models or the one that it has."""
    if models is None:
        _, heading, rest = path.read_text(encoding="utf-8").partition(MODELS)
        models = heading + rest
    with files.whole(path) as part:
        part.write_text(f"{page()}\n{models}" if models else page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
