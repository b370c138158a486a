"""The guide's page on lines runs as it stands there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import krogh
import numpy as np
import pytest


def test_the_page_runs(source_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (source_tree / "python/docs/lines.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) == 3
    names: dict[str, Any] = {"kg": krogh}
    for block in blocks:
        exec(compile(block, "lines.md", "exec"), names)
    assert names["result"]["occupancy"].values.shape == (1, 5, 64)
    assert names["many"].num_lines == 200
    low, middle, high = np.quantile(
        names["many"].mean("occupancy").values[:, -1], [0.05, 0.5, 0.95]
    )
    assert 0.0 < low < middle < high < 1.0
    assert "[" in capsys.readouterr().out
