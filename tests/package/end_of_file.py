"""Ends each given text file with exactly one newline; for the pre-commit hook.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(names: list[str]) -> int:
    """Mend the files and return how many needed it."""
    mended = 0
    for file in map(Path, names):
        content = file.read_bytes()
        wanted = content.rstrip(b"\r\n") + b"\n" if content.strip() else content
        if content != wanted:
            file.write_bytes(wanted)
            mended += 1
    return mended


if __name__ == "__main__":
    raise SystemExit(min(main(sys.argv[1:]), 1))
