"""What a board file's strings may be made of. They end up in comments and names of C, in linker scripts, in scripts of
Renode and Robot Framework, in CMake, JSON, TOML and YAML, and on command lines: in none of these does any of the
characters here end a comment or a string, start another line, or stand for anything but itself."""

import re

#: Names, and all that goes into code or to other programs: no blanks, and nothing that begins like an option.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,99}", re.ASCII)
#: A board's own name is also a file's.
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", re.ASCII)
#: What people read.
_TEXT = re.compile(r"[^\W_][\w .,:/+()'&°µ–-]{0,299}")
_READ = frozenset({"title", "via", "enter_bootloader", "label"})
#: Where files of other programs are meant, which must be theirs.
_FILES = {"config": re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.+-]+\.cfg", re.ASCII)}


def problem(key: str, text: str) -> str | None:
    """Why `text` cannot be the value of a key, or an element of it."""
    if not text and key != "name":
        return None
    if key in _FILES:
        return None if _FILES[key].fullmatch(text) else "must be FOLDER/FILE.cfg of OpenOCD's scripts"
    if key == "name":
        return None if _FILE_NAME.fullmatch(text) else 'must be letters, digits, ".", "_" and "-"'
    if key in _READ:
        good = _TEXT.fullmatch(text) and "  " not in text
        return None if good else "must be letters, digits, single spaces and . , : / + ( ) ' & -, at most 300"
    return None if _NAME.fullmatch(text) else "must be letters, digits and _ . : / @ + -, at most 100"
