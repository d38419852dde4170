"""A stand-in for Renode that runs our scripts, on our own emulator: what is tested is our side. Not Renode.

FAKE_RENODE says how it misbehaves: old, dumb (no version), dies, refuses (a script), deaf (opens no port), drops (the
connection), stubborn (does not end).
"""

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.device.emulators import renode_language
from tinyprune.device import boards
from tinyprune.device.emulators import sim
from tinyprune.device.firmware import FirmwareImage

MODE = os.environ.get("FAKE_RENODE", "")
OPTIONS = ["--disable-xwt", "--console", "--plain", "--hide-analyzers"]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(script: Path, state: dict[str, str]) -> None:
    for command, arguments in renode_language.parse_script(script.read_text()):
        last = arguments.split(" ")[-1].replace("$ORIGIN", str(script.parent))
        if command == "include":
            run(Path(last), state)
        elif command == "mach":
            state["board"] = last.strip('"')
        elif command == "machine":
            platform = renode_language.parse_platform(Path(last).read_text())
            state["uarts"] = ",".join(renode_language.PLATFORMS[platform.using])
        elif command == "sysbus":
            state["elf"] = str(Path(last).resolve(strict=True))
        elif command == "emulation" and "Terminal" in arguments:
            state["port"] = arguments.split(" ")[1]
        elif command == "connector" and arguments.split(" ")[1].removeprefix("sysbus.") not in state["uarts"]:
            raise renode_language.LanguageError(arguments)


def serve(state: dict[str, str]) -> None:
    image = FirmwareImage(state["board"], "0" * 64, "any", Path(state["elf"]), 0, 0)
    link = sim.start(image, boards.load(state["board"]), profile=True)
    server = socket.create_server(("127.0.0.1", int(state["port"])))
    client, _ = server.accept()
    client.sendall(link.read(0))
    while data := client.recv(4096):
        link.write(data)
        answer = link.read(0)
        if MODE == "drops" and b"m-model-id" in answer:
            client.sendall(answer[:10])
            client.close()
            time.sleep(60)
        if MODE == "dies":
            say("Fatal error: the simulation is over")
            os._exit(42)
        client.sendall(answer)


def main(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        versions = {"old": "Renode v1.13.0\n  build: abc", "dumb": "not a simulator"}
        say(versions.get(MODE, "Renode v1.16.1\n  build: 06854d4d-202608\n  runtime: .NET 8"))
        return
    assert arguments[:-1] == OPTIONS, arguments
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    state: dict[str, str] = {}
    try:
        if MODE == "refuses":
            raise renode_language.LanguageError("machine LoadPlatformDescription $ORIGIN/nano33.repl")
        run(Path(arguments[-1]), state)
    except renode_language.LanguageError as error:
        say(f"There was an error executing command '{error}': \nUnknown thing")
        time.sleep(60)
    if MODE == "deaf":
        time.sleep(60)
    with suppress(ConnectionError):  # whoever listened left in the middle of an answer
        serve(state)
    if MODE == "stubborn":
        time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1:])
