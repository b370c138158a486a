"""A virtual population has the same bits for every thread count and size.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest

pytestmark = pytest.mark.verification

DOSING = "8 mg/kg then 6 mg/kg every 3 weeks x 2"


def population(count, **options):
    return kg.simulate(
        kg.library.model("trastuzumab_quartino_2019"), DOSING, subjects=count, variability=True,
        seed=11, weight="70 kg", until="63 d", every="3 d", progress=False,
        **{"sensitivities": ["CL_pop", "dose[0].amount"], **options},
    )  # fmt: skip


def bits(result, count):
    """Everything a result holds about its first subjects."""
    exposure = result.exposure()
    names = [n for n, column in exposure.columns.items() if column.dtype.kind == "f"]
    first = np.isin(exposure.columns["subject"], np.unique(exposure.columns["subject"])[:count])
    parts = [result["Cp"].values[:count]]
    parts += [result.sensitivity("Cp", n).values[:count] for n in result.sensitivity_names]
    parts += [exposure.columns[n][first] for n in names]
    return b"".join(np.ascontiguousarray(p).tobytes() for p in parts)


@pytest.mark.parametrize("method", ["auto", "rodas4"])
def test_threads_and_size(method):
    one = population(70, num_threads=1, method=method)
    expected = bits(one, 70)
    for threads in (2, 3, 5):
        assert bits(population(70, num_threads=threads, method=method), 70) == expected
    assert bits(population(23, num_threads=2, method=method), 23) == bits(one, 23)
    other = population(70, num_threads=1, method=method, sensitivities=[])
    assert not np.array_equal(other["Cp"].values[0], other["Cp"].values[1])
