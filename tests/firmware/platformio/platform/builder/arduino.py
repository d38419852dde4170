"""SCons script of this platform's framework `arduino`: the stand-in of the Arduino API over a port of ours, which
the test puts into framework/."""

from pathlib import Path

from SCons.Script import DefaultEnvironment

environment = DefaultEnvironment()
framework = Path(environment.PioPlatform().get_dir()) / "framework"
environment.Append(
    CPPPATH=[str(framework / "api")],
    CCFLAGS=["-isystem", str(framework / "port")],  # string.h
    LINKFLAGS=["-T", str(framework / "port/link.ld")],
    PIOBUILDFILES=[
        environment.CollectBuildFiles("$BUILD_DIR/port", str(framework / "port")),
        environment.CollectBuildFiles("$BUILD_DIR/api", str(framework / "api")),
    ],
)
