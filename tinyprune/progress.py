"""The callbacks through which long work says how far it is; whoever starts it decides what becomes of them."""

from collections.abc import Callable

#: A stage begins: what it does, in words.
Progress = Callable[[str], None]
#: A step begins or continues: its name, bytes done, bytes in total (None: not known).
BytesProgress = Callable[[str, int, int | None], None]
#: Things done, things in total.
CountProgress = Callable[[int, int], None]
