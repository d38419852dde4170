"""Reports as text, the verdict first. `cli/` prints it."""

from rich.text import Text

from tinyprune.cli.console import Grid
from tinyprune.device.emulators import Span
from tinyprune.measure.agreement import Agreement, ClassAgreement
from tinyprune.measure.bench_report import BenchAccuracy, BenchReport, Latency, Spread
from tinyprune.measure.hearing import AudioTrial, Chain
from tinyprune.measure.history import Change
from tinyprune.measure.report import BuildReport, ProjectReport
from tinyprune.measure.verdict import Verdict, of_bench, span_ms
from tinyprune.sound.features import FRONT_ENDS
from tinyprune.tasks.bench import Bench

#: Classes in a table, the worst first.
_SHOWN_CLASSES = 12
_STYLES = {"good": "bold green", "open": "bold yellow", "bad": "bold red"}


def verdict(found: Verdict) -> Text:
    """The one sentence that a user wants to know."""
    return Text(found.text, style=_STYLES[found.state])


def project_lines(report: ProjectReport) -> list[str]:
    """What was made where the runtime was not there, the verdict first."""
    return [
        "NOT LINKED  TFLite Micro is not there: no firmware was made, its arena was not measured, nothing was run",
        f"model     {report.model} (SHA-256 {report.model_sha256[:16]}…)",
        f"runtime   {report.runtime}",
    ]


def layer_table(report: BuildReport) -> Grid:
    """The table per layer with totals."""
    totals = ("total", "", "", "", f"{report.macs:,}", f"{report.weights_bytes_dense:,}", f"{report.weights_bytes:,}")
    rows = [
        (
            layer.name,
            "×".join(map(str, layer.shape)),
            layer.pattern,
            "" if layer.zeros is None else f"{layer.zeros:.0%}",
            f"{layer.macs:,}",
            f"{layer.weights_bytes_dense:,}",
            f"{layer.weights_bytes:,}",
            _number(layer.instructions),
            _number(layer.modelled_cycles),
        )
        for layer in report.layers
    ]
    return Grid(
        ("layer", "output", "pattern", "zeros", "MACs", "dense B", "packed B", "instructions", "modelled cycles"),
        rows,
        words=("layer", "output", "pattern"),
        spare=("instructions", "dense B", "MACs", "zeros"),
        totals=(*totals, _number(report.instructions), _number(report.modelled_cycles)),
    )


def summary_lines(report: BuildReport) -> list[str]:
    """Totals and where they come from, one line each."""
    lines = [
        f"model     {report.model} (SHA-256 {report.model_sha256[:16]}…)",
        f"compiler  {report.compiler}",
        f"flash     {_share(report.flash_bytes, report.flash_bytes_available)}",
        *_smallest_constants(report),
        f"RAM       {_share(report.ram_bytes, report.ram_bytes_available)}, of which the arena {report.arena_bytes:,} B"
        + _arena(report),
        *_ram_constants(report),
        *_smallest_arena(report),
        *_ends(report),
        *(f"note      {note}" for note in report.notes),
    ]
    if report.runtime != "aot":
        lines.append(f"runtime   {report.runtime}")
    if report.stack_bytes is not None:
        lines.append(f"stack     {report.stack_bytes:,} B used in the run, {report.stack_bytes_reserved:,} B reserved")
    if report.cost_model and report.modelled_cycles is None:
        lines.append(f"cycles    {report.cost_model}")
    elif report.cost_model:
        lines.append(f"cycles    modelled, not measured: {report.cost_model}")
    if report.board_cycles and report.board_ms:
        taken = f"{_span_cycles(report.board_cycles)}, {span_ms(report.board_ms)}"
        lines.append(f"board     {taken}: with its memory, modelled, not measured (docs/cycle-model.md)")
    lines += _audio_lines(report)
    lines += agreement_lines(report.agreement)
    if report.accuracy:
        a = report.accuracy
        beside = "" if a.dense_percent is None else f" (dense {a.dense_percent:.2f} %)"
        lines.append(f"accuracy  {a.percent:.2f} %{beside}, recorded on {a.clips:,} clips of {a.dataset}, {a.split}")
        if not a.same_bytes:
            remark = "this TensorFlow rounds some weights differently; the accuracy is that of other bytes"
            lines.append(f"          (requantized: {remark})")
    return lines


def agreement_lines(found: Agreement | None) -> list[str]:
    """How int8 answers beside float and labels, and for which classes; all classes are in --json."""
    if found is None:
        return []
    told = (
        ("float and int8 agree on", found.agree),
        ("float is right on", found.float_correct),
        ("int8 is right on", found.int8_correct),
    )
    shares = [f"{what} {count / found.samples:.2%}" for what, count in told if count is not None]
    worst = sorted(found.classes, key=lambda each: (_best(each) / each.samples, each.number))[:_SHOWN_CLASSES]
    heads = ("class", "samples", "agree", "float right", "int8 right")
    rows = [(str(c.number), *map(_number, (c.samples, c.agree, c.float_correct, c.int8_correct))) for c in worst]
    known = [column for column in zip(heads, *rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in known]
    table = [
        "          " + "  ".join(f"{text:>{width}}" for text, width in zip(row, widths, strict=True))
        for row in zip(*known, strict=True)
    ]
    return [f"samples   {', '.join(shares)} of the {found.samples:,} samples", *table]


def _best(found: ClassAgreement) -> int:
    """What classes are ordered by: right answers of int8, without labels those that float gives as well."""
    return (found.agree if found.int8_correct is None else found.int8_correct) or 0


def _audio_lines(report: BuildReport) -> list[str]:
    trial = report.audio
    if trial is None:
        return []
    rest = f", the others differ by {trial.largest_difference}" if trial.largest_difference else ""
    equal = f"{trial.features_equal} of {trial.features_compared} features of a second equal Python's"
    point = " point" if trial.arithmetic == "fixed" else ""
    heard_as = FRONT_ENDS[trial.front_end].title
    lines = [f"audio     {heard_as} in {trial.arithmetic}{point}: {equal}{rest}"]
    lines += _rule_lines(trial)
    frame, features = trial.frame, trial.features
    if frame is None or features is None:
        return lines
    if trial.modelled_cycles_a_second is None or frame.modelled_cycles is None or features.modelled_cycles is None:
        return [*lines, f"          {frame.instructions:,} instructions a frame, {features.instructions:,} a look"]
    return [
        *lines,
        f"          modelled cycles: {frame.modelled_cycles:,} a frame of 20 ms, {features.modelled_cycles:,} a look, "
        f"{trial.modelled_cycles_a_second:,} a second of sound with {trial.looks_a_second:g} looks, network apart",
        *_chain_lines(trial.chain, report.ram_bytes),
    ]


def _rule_lines(trial: AudioTrial) -> list[str]:
    """When it takes what it hears for a word, and how loud that is."""
    rule = trial.rule
    if rule is None:
        return []
    gate = f", a second that stays below {rule.quiet_below:,} is not looked at" if rule.quiet_below else ""
    gain = f"; microphone's gain {trial.gain_db:g} dB" if trial.gain_db is not None else ""
    return [f"          a word: {rule.smoothed} looks with a mean score of {rule.threshold:g}{gate}{gain}"]


def _chain_lines(chain: Chain | None, ram_bytes: int) -> list[str]:
    if chain is None:
        return []
    return [
        f"          with the network {chain.core_percent:.1f} % of the core, {chain.look_ms:.0f} ms from the last "
        f"sample of a look, {chain.latency_ms:.0f} ms from the end of a word at the latest (modelled, ideal memory); "
        f"{ram_bytes:,} B of RAM"
    ]


def _ends(report: BuildReport) -> list[str]:
    """What a network of one input and output does not need to be told."""
    lines = []
    for which, ends in (("inputs", report.inputs), ("outputs", report.outputs)):
        if len(ends) > 1:
            shapes = ", ".join(f"{end.name} {'×'.join(map(str, end.shape)) or '1'}" for end in ends)
            lines.append(f"{which:<10}{shapes}")
    if report.state_bytes:
        lines.append(f"state     {report.state_bytes:,} B of the arena, kept from one inference to the next")
    return lines


def _arena(report: BuildReport) -> str:
    extra = report.arena_bytes - report.arena_bytes_lower_bound
    return " (the least possible with these kernels)" if extra == 0 else f" ({extra:,} B above the lower bound)"


def _smallest_arena(report: BuildReport) -> list[str]:
    """What less RAM would cost, where there is less."""
    least, ratio = report.arena_bytes_smallest, report.arena_smallest_cycles_ratio
    if least is None or ratio is None or least > 0.9 * report.arena_bytes:
        return []
    return [f"          --optimize ram: an arena of {least:,} B, for about {ratio:.1f} times the cycles (expected)"]


def _smallest_constants(report: BuildReport) -> list[str]:
    """What less flash would cost, where there is less."""
    here, least, ratio = report.constant_bytes, report.constant_bytes_smallest, report.constants_smallest_cycles_ratio
    if here is None or least is None or ratio is None or least > 0.95 * here:
        return []
    return [
        f"          of that {here:,} B are constants; --optimize size: {least:,} B of them, for about "
        f"{ratio:.1f} times the cycles (expected)"
    ]


def _ram_constants(report: BuildReport) -> list[str]:
    """What is copied there, and what this buys."""
    if not report.ram_constants_bytes:
        return []
    line = f"          and constants {report.ram_constants_bytes:,} B, copied from flash at the start"
    if report.board_cycles_from_flash:
        line += f": read from flash, {_span_cycles(report.board_cycles_from_flash)} (modelled)"
    return [line]


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _span_cycles(span: Span) -> str:
    return f"{span.low:,.0f} cycles" if span.low == span.high else f"{span.low:,.0f} to {span.high:,.0f} cycles"


def _share(used: int, available: int | None) -> str:
    return f"{used:,} B" if available is None else f"{used:,} of {available:,} B ({used / available:.1%})"


#: What the numbers of each clock are.
_CLOCKS = {
    "measured": "measured on hardware",
    "modelled": "modelled by the cycle table, not measured",
    "virtual": "virtual time of an emulator that counts instructions, not measured",
    "unknown": "told by whatever is at that port; --hardware says that it is a board",
}


def bench_lines(bench: Bench) -> list[str]:
    """The verdict, then what an inference takes, then what was worse."""
    report = bench.report
    lines = [
        of_bench(report).text,
        f"{report.board}, {report.target}, {report.compiler}, model {report.model_sha256[:16]}…",
    ]
    if report.latency:
        lines.append(f"latency          {_latency(report.latency)}; {_clock(report)}")
    elif report.complete and not report.instructions:
        lines.append("no latency       the firmware's clock stands still")
    if report.latency and report.latency.clock != "virtual":  # which says nothing of a board's speed
        lines.append(f"throughput       {report.latency.inferences_a_second:,.2f} inferences a second")
    if report.instructions:
        virtual = report.latency is not None and report.latency.clock == "virtual"
        how = "by virtual time, which is told in microseconds" if virtual else "counted"
        lines.append(f"instructions     {_range(report.instructions)} an inference, {how}")
    if report.instructions and not report.modelled_cycles and report.cost_model:
        lines.append(f"{'no cycles' if report.board_ms else 'no latency':16} {report.cost_model}")
    if report.modelled_cycles and report.modelled_ms is not None:
        lines += [
            f"modelled cycles  {_range(report.modelled_cycles)} ({report.cost_model})",
            f"modelled time    {report.modelled_ms:.2f} ms with ideal memory (not measured on a board)",
        ]
    if report.board_cycles and report.board_ms:
        taken = f"{_span_cycles(report.board_cycles)}, {span_ms(report.board_ms)}"
        lines.append(f"the board's      {taken}: with its memory, modelled, not measured on a board")
    if report.accuracy:
        lines += _accuracy_lines(report.accuracy)
    if bench.left_out:
        lines.append(f"left out         folders that are no label: {', '.join(bench.left_out)}")
    mended = {"inputs repeated": report.repeated, "restarts": report.restarts, "reconnections": report.reconnections}
    if any(mended.values()):
        lines.append("the line         " + ", ".join(f"{what}: {count}" for what, count in mended.items() if count))
    return lines + [_change(change) for change in bench.changes or ()]


def _latency(latency: Latency) -> str:
    low, middle, high = (f"{us / 1e3:,.3f}" for us in (latency.min_us, latency.median_us, latency.max_us))
    return f"{middle} ms (min {low}, max {high})"


def _clock(report: BenchReport) -> str:
    assert report.latency is not None
    return "measured on this computer" if report.emulator == "host" else _CLOCKS[report.latency.clock]


def _accuracy_lines(accuracy: BenchAccuracy) -> list[str]:
    shares = (f"{c.label} {c.correct}/{c.samples}" for c in accuracy.classes)
    share = f"{accuracy.correct:,} of {accuracy.samples:,}"
    return [
        f"accuracy         {accuracy.percent:.2f} % ({share} in {accuracy.folder})",
        f"                 {', '.join(shares)}",
    ]


def _change(change: Change) -> str:
    verdict = "WORSE" if change.worse else "ok"
    then, now = (_figure(change.what, value) for value in (change.old, change.new))
    return f"{verdict:5}  {change.what}: {then} then, {now} now{_difference(change)}"


def _figure(what: str, value: float | str) -> str:
    """With its unit, unless that is its name: modelled cycles, instructions."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    match what:
        case "latency":
            return f"{value / 1e3:,.3f} ms"
        case "flash" | "RAM":
            return f"{value:,} B"
        case "accuracy":
            return f"{value:.2f} %"
    return f"{value:,}"


def _difference(change: Change) -> str:
    """In percent of what it was; of accuracy, which is in percent itself, in points."""
    old, new = change.old, change.new
    if isinstance(old, bool | str) or isinstance(new, bool | str):
        return ""
    if change.what == "accuracy":
        return f" ({new - old:+.2f} points)"
    return f" ({new / old - 1:+.2%})" if old else ""


def _range(spread: Spread) -> str:
    return f"{spread.median:,} (min {spread.min:,}, max {spread.max:,})"
