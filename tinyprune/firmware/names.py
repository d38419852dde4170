"""What a network is called in C, on disk and in build systems."""

import re

from tinyprune.errors import UsageError

_LONGEST = 40
#: Of C23 and C++23, as far as they could be the whole of a name.
_KEYWORDS = frozenset(
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const consteval "
    "constexpr constinit continue decltype default delete do double else enum explicit export extern false float for "
    "friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private "
    "protected public register requires restrict return short signed sizeof static struct switch template this "
    "thread_local throw true try typedef typeof typeid typename union unsigned using virtual void volatile while xor "
    "xor_eq".split()
)


def c_name(name: str) -> str:
    """Of a network in C: "ds-cnn-s" → "ds_cnn_s", which begins its functions and, in capitals, its macros."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:_LONGEST].rstrip("_")
    if not plain or plain[0].isdigit() or plain in _KEYWORDS or plain.lower().split("_")[0] == "tp":
        return f"network_{plain}"[:_LONGEST].rstrip("_")
    return plain


def library_name(name: str) -> str:
    """Of its header, its files and its CMake target: "ds-cnn-s" → "tinyprune_ds_cnn_s"."""
    return f"tinyprune_{c_name(name)}"


def check(name: str) -> None:
    """Raises UsageError for a name that C would not take as it is."""
    if c_name(name) != name:
        raise UsageError(
            f'--name "{name}" is no name for C: it must be 1 to {_LONGEST} letters, digits and single "_" between '
            f'them, begin with a letter, and be no keyword and not "tp_…"; such as --name {c_name(name)}'
        )
