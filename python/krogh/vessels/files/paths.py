"""Text written to a file so that a reader never sees half of it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path

from krogh.whole_files import write_whole

__all__ = ["written"]


def written(path: Path, text: str) -> Path:
    """Write a text to a file, whole or not at all, with line ends as they are; return the path.

    Raises
    ------
    SpecError
        KG-133 if the file cannot be written; what stood there before stays.
    """
    content = text.encode("utf-8")
    return write_whole(path, lambda temporary: temporary.write_bytes(content))
