"""pyOCD's Python API: CMSIS-DAP, ST-Link and J-Link probes."""

import logging
from typing import Any

from tinyprune.device.flash_methods import Pyocd
from tinyprune.device.flashers.job import Flashed, Job, segments
from tinyprune.device.flashers.probe import refuse_port
from tinyprune.errors import MissingDependency, TargetError, UsageError

_CHUNK_BYTES = 4096


def flash(job: Job, how: Pyocd) -> Flashed:
    """Programs the sectors of the image, reads them back, resets. Raises TinypruneError of several kinds."""
    try:
        from pyocd.core import exceptions
        from pyocd.core.session import Session
        from pyocd.flash.file_programmer import FileProgrammer
    except ImportError:
        raise MissingDependency("pyocd is not installed; `pip install pyocd`, or tinyprune[flash]") from None
    refuse_port(job)
    logging.getLogger("pyocd").setLevel(logging.CRITICAL)
    parts = segments(job.image.elf)
    size = sum(len(data) for _, data in parts)
    step = "connecting"
    try:
        probe = _probe(job)
        where = f"{probe.description}, serial number {probe.unique_id}"
        job.progress(f"connecting to {where}", 0, None)
        options = {"target_override": how.target, "chip_erase": "sector", "hide_programming_progress": True}
        options["auto_unlock"] = False  # it would erase a locked chip with its bootloader
        with Session(probe, options=options) as session:
            step = "writing"
            writer = FileProgrammer(session, progress=lambda share: job.progress(step, round(size * share), size))
            writer.program(str(job.hex))
            step = "verifying"
            _compare(session.target, parts, size, job)
            step = "resetting"
            session.target.reset()
    except exceptions.TargetSupportError as error:
        cure = f"pyocd pack install {how.pack}" if how.pack else "pip install -U pyocd"
        raise TargetError(f"pyocd does not know the target {how.target}: `{cure}`, then try again ({error})") from None
    except KeyError as error:  # what a target says that has found no core
        raise TargetError(
            f"the probe reaches the chip, but not its core ({error}); a locked chip is like that (APPROTECT, read-out "
            f"protection): `pyocd erase --mass -t {how.target}` unlocks it and erases everything, a bootloader too"
        ) from None
    except (exceptions.Error, OSError) as error:
        raise TargetError(_explain(step, error)) from None
    return Flashed(where, True, "pyocd read the flash back: it equals the image")


def _probe(job: Job) -> Any:
    """The one that is plugged in, or has the serial number."""
    from pyocd.core.helpers import ConnectHelper

    probes = ConnectHelper.get_all_connected_probes(blocking=False)
    if job.serial_number is not None:  # pyocd itself would take a part of a number
        probes = [probe for probe in probes if probe.unique_id.lower() == job.serial_number.lower()]
    if len(probes) == 1:
        return probes[0]
    if probes:
        known = ", ".join(f"{probe.description} ({probe.unique_id})" for probe in probes)
        raise UsageError(f"{len(probes)} debug probes could be meant: {known}; say which with --serial-number")
    number = f" with serial number {job.serial_number}" if job.serial_number else ""
    raise TargetError(
        f"pyocd sees no debug probe{number}; check the cable, and on Linux the udev rules "
        "that `tinyprune doctor --udev` prints"
    )


def _compare(target: Any, parts: list[tuple[int, bytes]], size: int, job: Job) -> None:
    """Raises TargetError at the first byte in flash that is not the image's."""
    done = 0
    for address, data in parts:
        for start in range(0, len(data), _CHUNK_BYTES):
            want = data[start : start + _CHUNK_BYTES]
            got = bytes(target.read_memory_block8(address + start, len(want)))
            if got != want:
                at = next((i for i, (a, b) in enumerate(zip(got, want, strict=False)) if a != b), len(got))
                raise TargetError(
                    f"the flash differs from the image at {address + start + at:#x} after programming; try again, and "
                    "check the board's power"
                )
            done += len(want)
            job.progress("verifying", done, size)


def _explain(step: str, error: Exception) -> str:
    text = str(error) or type(error).__name__
    hint = ""
    if "access" in text.lower() or "permission" in text.lower():
        hint = ": no permission to use the probe; add the udev rules that `tinyprune doctor --udev` prints"
    elif step == "connecting":
        hint = ": the probe does not reach the chip; check the board's power and the SWD wires, close debuggers"
    return f"pyocd failed while {step}{hint}. It said: {text}"
