"""The rules of arduino-lint that can be told from the files alone, by their ids, at the level "strict".

Facts from arduino.github.io/arduino-lint/latest/rules/library and /sketch, and the library specification 1.5. Left out:
what needs the network (LP017, LP018, LP042, LP048), a git repository (LS004, LP022), a spelling list (LP033, LP035), or
is about names that only Arduino's own repositories may have (LP013).
"""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

Properties = dict[str, str]
Rule = Callable[[Path, Properties], bool]

CATEGORIES = {
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
    "Data Processing", "Other",
}  # fmt: skip
FIELDS = {
    "name", "version", "author", "maintainer", "email", "sentence", "paragraph", "category", "url", "architectures",
    "depends", "dot_a_linkage", "includes", "precompiled", "ldflags",
}  # fmt: skip
NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.\-]*")
FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,62}")
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
README, LICENSE = re.compile(r"readme\.(md|txt|adoc|rst)", re.I), re.compile(r"(li[cs]en[cs]e|copying)(\.\w+)?", re.I)


def read_properties(folder: Path) -> Properties:
    """library.properties as key → value; comments and empty lines left out."""
    lines = (folder / "library.properties").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line.strip() and not line.startswith("#")]
    return {pair[0].strip(): pair[1].strip() if len(pair) > 1 else "\0" for pair in pairs}


def _matching(folder: Path, pattern: re.Pattern[str]) -> bool:
    return any(path.is_file() and pattern.fullmatch(path.name) for path in folder.iterdir())


def _no_other_case(folder: Path, name: str) -> bool:
    return not any(path.name != name and path.name.lower() == name for path in folder.iterdir())


def _sketches(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in (".ino", ".pde")]


def _filled(key: str) -> Rule:
    return lambda _folder, properties: bool(properties.get(key))


def _lacks(key: str, word: str) -> Rule:
    return lambda _folder, properties: word not in properties.get(key, "").lower()


#: Rule → whether the library in a folder keeps it.
RULES: dict[str, Rule] = {
    "LS001 a library: library.properties and headers": lambda f, p: bool(p) and any((f / "src").glob("*.h")),
    "LS002 LS003 folder name": lambda f, _: bool(FOLDER.fullmatch(f.name)),
    "LS005 symlink": lambda f, _: not any(path.is_symlink() for path in f.rglob("*")),
    "LS006 .development file": lambda f, _: not (f / ".development").exists(),
    "LS007 .exe file": lambda f, _: not any(path.suffix.lower() == ".exe" for path in f.rglob("*")),
    "LS008 a header of the library's name": lambda f, p: (f / "src" / f"{p.get('name')}.h").is_file(),
    "LS009 src folder case": lambda f, _: _no_other_case(f, "src"),
    "LS010 recursive with utility folder": lambda f, _: not (f / "utility").exists(),
    "LS011 LS012 extras folder": lambda f, _: _no_other_case(f, "extras") and not (f / "extra").exists(),
    "LP002 LP003 library.properties, so spelled": lambda f, _: _no_other_case(f, "library.properties"),
    "LP004 one library.properties": lambda f, _: len(list(f.rglob("library.properties"))) == 1,
    "LP005 key=value": lambda _, p: "\0" not in p.values(),
    "LP006 LP028 known fields": lambda _, p: set(p) <= FIELDS - {"email"},
    "LP007 LP008 LP011 name": lambda _, p: bool(NAME.fullmatch(p.get("name", ""))),
    "LP009 LP010 length of the name": lambda _, p: len(p.get("name", "")) <= 32,
    "LP012 LP014 no Arduino in the name": _lacks("name", "arduino"),
    "LP015 no space in the name": _lacks("name", " "),
    "LP016 no library in the name": _lacks("name", "library"),
    "LP019 LP020 LP021 version": lambda _, p: bool(SEMVER.fullmatch(p.get("version", ""))),
    "LP023 LP024 author": _filled("author"),
    "LP025 LP026 maintainer": _filled("maintainer"),
    "LP027 LP057 no Arduino as maintainer": _lacks("maintainer", "arduino"),
    "LP031 LP032 sentence": _filled("sentence"),
    "LP034 LP036 paragraph": lambda _, p: "paragraph" in p and not p["paragraph"].startswith(p.get("sentence", "?")),
    "LP037 LP038 LP039 category": lambda _, p: p.get("category") in CATEGORIES,
    "LP040 LP041 LP056 url": lambda _, p: all(urlsplit(p.get("url", ""))[:2]),
    "LP043 LP044 LP045 LP046 architectures": lambda _, p: bool(re.fullmatch(r"\*|[a-z0-9_]+", p["architectures"])),
    "LP047 depends": lambda _, p: all(NAME.fullmatch(d.strip()) for d in p.get("depends", "x").split(",")),
    "LP049 dot_a_linkage": lambda _, p: p.get("dot_a_linkage", "true") in ("true", "false"),
    "LP051 LP052 includes": lambda f, p: all((f / "src" / i).is_file() for i in p.get("includes", "\0").split(",")),
    "LP053 precompiled": lambda _, p: p.get("precompiled", "true") in ("true", "full", "false"),
    "LP055 ldflags": lambda _, p: len(p.get("ldflags", "-lm")) >= 3,
    "LC001 SC001 Arduino.h, so spelled": lambda f, _: all(
        i == "Arduino.h"
        for path in f.rglob("*.[chi]*")
        for i in re.findall(r'#include *[<"](arduino\.h)[>"]', path.read_text(encoding="utf-8"), re.I)
    ),
    "LD001 readme": lambda f, _: _matching(f, README),
    "LD002 license": lambda f, _: _matching(f, LICENSE),
    "LD003 no sketch outside examples": lambda f, _: all(s.is_relative_to(f / "examples") for s in _sketches(f)),
    "LD004 examples": lambda f, _: bool(_sketches(f / "examples")),
    "LD005 LD006 examples folder": lambda f, _: _no_other_case(f, "examples") and not (f / "example").exists(),
    "SS001 a sketch of its folder's name": lambda f, _: all(s.stem == s.parent.name for s in _sketches(f)),
    "SS002 SS003 sketch file names": lambda f, _: all(FOLDER.fullmatch(s.name) for s in _sketches(f)),
    "SS004 .pde": lambda f, _: not any(s.suffix == ".pde" for s in _sketches(f)),
}


def lint(folder: Path) -> list[str]:
    """The rules that the library in `folder` breaks."""
    properties = read_properties(folder)
    return [name for name, kept in RULES.items() if not kept(folder, properties)]
