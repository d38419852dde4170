"""Which debug probe is meant, for the tools that would silently take the first."""

from tinyprune.device import ports
from tinyprune.device.flashers.job import Job
from tinyprune.errors import UsageError


def choose(job: Job) -> str | None:
    """The probe's serial number to tell the tool; None leaves it to the tool, which then has only one to find.

    Raises UsageError where several are plugged in and none was named. (Elsewhere than on Linux, those without a virtual
    serial port are not seen, and left to the tool.)
    """
    refuse_port(job)
    if job.serial_number is not None:
        return job.serial_number
    ids = job.board.usb.probe if job.board.usb else ()
    there = [*ports.listed(), *ports.usb_devices()]
    numbers = sorted({port.serial_number for port in there if port.usb_id in ids and port.serial_number})
    if len(numbers) > 1:
        raise UsageError(
            f"{len(numbers)} probes of {job.board.title} are plugged in: {', '.join(numbers)}; "
            "say which with --serial-number"
        )
    return numbers[0] if numbers else None


def refuse_port(job: Job) -> None:
    """Raises UsageError where the user named a serial port: probes are not reached through it."""
    if job.port is not None:
        raise UsageError("--port goes with methods that use a serial port or a volume; name a probe by --serial-number")


def name(serial_number: str | None) -> str:
    return f"debug probe {serial_number}" if serial_number else "debug probe"
