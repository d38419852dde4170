"""arduino-cli: uploads by whatever the board's Arduino core uses."""

from tinyprune.device.flash_methods import ArduinoCli
from tinyprune.device.flashers import tool
from tinyprune.device.flashers.job import Flashed, Job
from tinyprune.device.flashers.touch import board_port

_INSTALL = "see arduino.github.io/arduino-cli/latest/installation, or `brew install arduino-cli`"


def flash(job: Job, how: ArduinoCli) -> Flashed:
    """Uploads the .bin to the board's port. Raises TinypruneError of several kinds."""
    program = tool.find("arduino-cli", f"{_INSTALL}; then `arduino-cli core install {how.core}`")
    port = board_port(job)  # arduino-cli touches it itself
    install = f"run `arduino-cli core install {how.core}` first"
    advice = {
        r"platform.*not (found|installed)|unknown fqbn|not installed": install,
        r"permission denied": "no permission to open the port (see `tinyprune doctor`)",
        r"no device found|no upload port": "the bootloader did not answer; double-tap the reset button and try again",
    }
    job.progress(f"uploading to {port.device} with arduino-cli", 0, None)
    command = [program, "upload", "--fqbn", how.fqbn, "--port", port.device, "--input-file", job.bin.name]
    tool.run(command, job, advice=advice)
    return Flashed(str(port), False, "arduino-cli reported success; it does not read the flash back")
