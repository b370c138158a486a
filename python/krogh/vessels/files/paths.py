"""Text written to a file so that a reader never sees half of it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from krogh.errors import DataError

__all__ = ["written"]


def written(path: Path, text: str) -> Path:
    """Write a text to a temporary file beside `path` and rename it; return the path.

    Raises
    ------
    DataError
        KG-133 if the file cannot be written; what stood there before stays.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(temporary, 0o666 & ~_mask())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            if temporary:
                os.unlink(temporary)
        raise DataError(f"KG-133: {path} cannot be written: {error}.") from error
    return path


def _mask() -> int:
    """Return the mask that new files of this process get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
