"""The examples in the docstrings of the model language.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["", ".functions", ".grammar", ".network"])
def test_examples_of_docstrings(name):
    module = importlib.import_module(f"krogh.model{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
