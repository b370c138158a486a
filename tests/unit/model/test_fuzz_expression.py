"""The fuzz target of the expression parser, on a few thousand seeded texts.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import importlib.util


def test_the_target_finds_nothing(source_tree):
    path = source_tree / "tests" / "fuzz" / "fuzz_expression.py"
    spec = importlib.util.spec_from_file_location("fuzz_expression", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    done, valid = module.fuzz_random(runs=6000, seed=11, seconds=60)
    assert done == 6000
    assert valid > 100
