"""Numbers that users have seen change only with a reason written down.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import watched

# Runs of another processor or compiler differ by rounding, which a step-size control at rtol 1e-6
# may turn into a millionth of that tolerance.
BOUND = 1e-8


@pytest.fixture(scope="module")
def computed():
    return watched.compute()


STORED = json.loads(watched.FILE.read_text())


@pytest.mark.parametrize("run", STORED)
def test_numbers_are_as_stored(computed, run):
    assert set(computed[run]) == set(STORED[run])
    for name, stored in STORED[run].items():
        stored = np.array(stored, dtype=float)
        scale = np.nanmax(np.abs(stored), initial=1e-300)
        # The time of a flat top follows its value to the square root.
        bound = np.sqrt(BOUND) if "Tmax" in name or "Tmin" in name else BOUND
        found = np.array(computed[run][name], dtype=float)
        np.testing.assert_allclose(found, stored, rtol=0, atol=bound * scale, err_msg=name)


def test_every_run_is_stored(computed):
    assert set(computed) == set(STORED)


def test_the_log_speaks_of_these_numbers():
    assert watched.digest() in watched.LOG.read_text(), (
        f"numbers.json is {watched.digest()}: log.md has to say why it changed"
    )
