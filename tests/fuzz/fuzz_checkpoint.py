"""Fuzz target of checkpoint files: any header with sums that fit is read, or refused as damaged.

SPDX-License-Identifier: BSD-3-Clause

Files whose sums do not fit are refused before anything in them is looked at, so the header is what
could go wrong.  Run it with

    python tests/fuzz/fuzz_checkpoint.py --runs 100000 [--seed 0]
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzing import run  # the loop beside this file
from krogh.volume import checkpoint

BODY = bytes(range(256)) * 2
CRC = zlib.crc32(BODY[:64])
ARRAY = f'{{"name": "state/a", "kind": "<f8", "shape": [8], "at": 0, "crc32": {CRC}}}'
SEEDS = [
    '{"format": "krogh-checkpoint", "problem": {"a": "b"}, "saved": [1], "facts": {}, "arrays": ['
    + ARRAY
    + "]}",
    '{"format": "krogh-checkpoint", "problem": {}, "saved": [], "facts": {"a": [1]}, "arrays": ['
    + ", ".join([ARRAY, ARRAY.replace("state/a", "records/b").replace('"at": 0', '"at": 64')])
    + "]}",
]
WORDS = [
    '"<f8"', '"<i8"', '"|b1"', '"|O"', '"name"', '"kind"', '"shape"', '"at"', '"crc32"',
    '"state/a"', '"records/values"', "[8]", "[0]", "[-1]", "[1e3]", "[2, 4]", "[[8]]",
    "[9223372036854775807, 2]", "null", "true", "NaN", "Infinity", "1e999", "{", "}", "[", "]",
    ",", ":", '"', "\\u0000", "64",
]  # fmt: skip


def one(text: str) -> None:
    """Read one file; nothing but `_Damaged` may leave it."""
    header = text.encode("utf-8", "surrogatepass")
    front = struct.pack("<8sIIQ", b"\x89KRGCP\r\n", 1, zlib.crc32(header), len(header))
    whole = front + header + bytes(-len(front + header) % 64) + BODY
    whole += struct.pack("<I4s", zlib.crc32(whole), b"\x1aEOF")
    for content in (whole, whole[: len(whole) - len(BODY) + 56]):
        try:
            snapshot = checkpoint._read(io.BytesIO(content), len(content))
        except checkpoint._Damaged:
            continue
        if sum(a.nbytes for _, a in snapshot.arrays()) > len(BODY):
            raise AssertionError(f"{text!r} holds more than there is")


if __name__ == "__main__":
    run(one, SEEDS, WORDS, __file__)
