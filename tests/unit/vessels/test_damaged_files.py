"""Damaged files of every format: a network or an error of krogh, never another exception.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import collections
import random
from pathlib import Path

import pytest
from krogh.errors import Error
from krogh.vessels import VesselNetwork, read, write

SWC = "1 3 0 0 0 5 -1\n2 3 100 0 0 4 1\n3 4 100 50 0 3 2\n"
DGF = "DGF\nVERTEX\n0 0 0\n100 0 0\n100 90 0\n#\nSIMPLEX\nparameters 1\n0 1 5\n1 2 4\n#\n"
SECOMB = (
    "tree\n100 100 100 box\n9 9 9\n200\n25\n4\n2 segments\nhead\n1 5 1 2 15 10 0.4\n"
    "2 5 2 3 13 10 0.4\n3 nodes\nhead\n1 0 0 0\n2 0 0 50\n3 40 0 80\n2 ends\nhead\n"
    "1 2 10 0.4 50\n3 0 20 0.4 40\n"
)
STRINGS = ["nan", "inf", "-1", "1e400", "0", "\n", "x", " ", "\x00", "é", "9" * 30]


def damaged(text: str, draw: random.Random) -> str:
    letters = list(text)
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(letters)) if letters else 0
        kind = draw.randrange(5)
        if kind == 0:
            del letters[place : place + draw.randint(1, 12)]
        elif kind == 1:
            letters[place:place] = draw.choice(STRINGS)
        elif kind == 2 and letters:
            letters[place] = chr(draw.randint(32, 126))
        elif kind == 3:
            letters[place:place] = letters[: draw.randint(1, 30)]
        elif letters:
            letters[place] = draw.choice("0123456789.-")
    return "".join(letters)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_named_errors(tmp_path: Path, seed: int) -> None:
    network = VesselNetwork([[0, 0, 0], [50, 0, 0], [50, 40, 0]], [[0, 1], [1, 2]], [9, 7])
    write(network, tmp_path / "n_segments.csv")
    texts = {
        "a.vtp": write(network, tmp_path / "x.vtp").read_text(),
        "b.vtp": write(network, tmp_path / "x.vtp", encoding="ascii").read_text(),
        "c.swc": SWC,
        "d.dgf": DGF,
        "e.dat": SECOMB,
        "n_nodes.csv": (tmp_path / "n_nodes.csv").read_text(),
        "n_segments.csv": (tmp_path / "n_segments.csv").read_text(),
    }
    draw, seen = random.Random(seed), collections.Counter()
    for name, text in texts.items():
        for _ in range(60):
            (tmp_path / name).write_text(damaged(text, draw), encoding="utf-8")
            target = "n_segments.csv" if name == "n_nodes.csv" else name
            try:
                read(tmp_path / target, **({"unit": "um"} if name == "d.dgf" else {}))
                seen["read"] += 1
            except Error as error:
                seen[error.code] += 1
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert seen["read"] > 10  # damage in a comment or to a digit
    assert seen["KG-186"] > 100
    assert sum(seen.values()) == 60 * len(texts)
