"""What tells one model or one set of samples from another: a digest of the contents, wherever the file is."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt


def sha256(*parts: str | npt.NDArray[Any]) -> str:
    """Of texts and arrays of numbers, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        else:
            digest.update(f"{part.dtype} {part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
