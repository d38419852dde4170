"""The emulator in a process of its own: its crash, its silence, and Ctrl-C."""

import os
import signal
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.device.emulators import firmware
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS, sim_apart
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError
from tinyprune.processes import apart

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
BOARD = boards.load("nano33")
ENDLESS = b"db load 70%" + firmware.load_commands(bytes(firmware.INPUT_BYTES)) + b"infer 4294967295 0%"


def answers(link: sim_apart.SimLink) -> None:
    device = Device(link)
    device.connect()
    device.load(bytes(firmware.INPUT_BYTES))
    device.infer()
    assert device.output().tolist() == firmware.expected_output(bytes(firmware.INPUT_BYTES)).tolist()


def test_one_process_after_the_other_and_two_at_once(zig_image: FirmwareImage) -> None:
    with closing(sim_apart.start(zig_image, BOARD)) as link, closing(sim_apart.start(zig_image, BOARD)) as other:
        answers(link)
        answers(other)
        pids = {link._remote.pid, other._remote.pid}
        assert len(pids) == 2
    with closing(EMULATORS["sim"](zig_image, BOARD, profile=True)) as again:
        assert isinstance(again, sim_apart.SimLink)
        assert again._remote.pid in pids
        answers(again)
        assert again.profile().instructions > 100


def test_an_image_named_from_a_folder_that_the_process_did_not_begin_in(
    zig_image: FirmwareImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim_apart.start(zig_image, BOARD).close()  # a process is there, and began in today's folder
    monkeypatch.chdir(zig_image.elf.parent)
    with closing(sim_apart.start(replace(zig_image, elf=Path(zig_image.elf.name)), BOARD)) as link:
        answers(link)


def test_a_crash_of_native_code_is_a_sentence(zig_image: FirmwareImage) -> None:
    link = sim_apart.start(zig_image, BOARD)
    answers(link)
    os.kill(link._remote.pid, signal.SIGSEGV)
    for _ in range(2):
        with pytest.raises(TargetError, match=r"the emulator crashed \(signal 11\) while it ran the firmware: "):
            link.write(b"name%")
    link.close()
    with closing(sim_apart.start(zig_image, BOARD)) as another:
        answers(another)


def test_more_inferences_than_anybody_waits_for(zig_image: FirmwareImage) -> None:
    link = sim_apart.start(zig_image, BOARD, patience_s=0.5)
    message = r"not wait for input within 0.5 s of computing: .*`infer` with fewer"
    with closing(link), pytest.raises(TargetError, match=message):
        link.write(ENDLESS)


def test_a_process_that_sleeps_is_not_waited_for(zig_image: FirmwareImage) -> None:
    with closing(sim_apart.start(zig_image, BOARD, deadline_s=20)) as link:
        os.kill(link._remote.pid, signal.SIGSTOP)
        link._deadline_s = 0.3
        with pytest.raises(TargetError, match=r"the emulator did not answer within 0.3 s while it ran the firmware"):
            link.write(b"name%")


def test_ctrl_c_ends_a_wait(zig_image: FirmwareImage) -> None:
    link = sim_apart.start(zig_image, BOARD)
    main = threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
    threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            link.write(ENDLESS)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(TargetError, match="the emulator was interrupted"):
        link.read(0)
    assert link.clock == "stopped"


def test_what_is_no_refusal_there_is_a_fault_here() -> None:
    remote = apart.Remote("collections:Counter", timeout_s=60)
    with pytest.raises(RuntimeError, match=r"(?s)in a process of its own:.*KeyError: 'x'"):
        remote.call("pop", "x", timeout_s=60)
    assert remote.call("most_common", timeout_s=60) == []
    remote.close()
