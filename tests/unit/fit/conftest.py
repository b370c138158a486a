"""Models and tables that the tests of the fit share.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species
from numpy.typing import NDArray

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@pytest.fixture(scope="session")
def oral() -> Model:
    """One compartment with first-order absorption."""
    return Model(
        "oral",
        Parameter("CL", "5 L/h"),
        Parameter("V", "50 L"),
        Parameter("KA", "1 1/h"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-KA*depot"),
        Rate("central", "KA*depot - CL/V*central"),
        DoseInput("depot"),
        Output("Cp", "central/V", unit="mg/L"),
    )


@pytest.fixture(scope="session")
def line() -> Model:
    """A straight line in time: y = a + b t."""
    return Model(
        "line",
        Parameter("a", "1 mg/L"),
        Parameter("b", "1 mg/L/h"),
        Parameter("c", "1 mg/L"),
        Species("x", "mg/L"),
        Output("y", "a + b*t", unit="mg/L"),
        Output("constant", "a", unit="mg/L"),
    )


@pytest.fixture(scope="session")
def product() -> Model:
    """Two parameters of which only the product, or only the ratio, is seen."""
    return Model(
        "product",
        Parameter("p", "1 mg/L"),
        Parameter("q", "2 1"),
        Species("x", "mg/L"),
        Output("y", "p*q", unit="mg/L"),
        Output("ratio", "p/q", unit="mg/L"),
    )


def measured(time: Any, values: Any, **columns: Any) -> EventTable:
    """Return a table of measurements (h, mg/L) without doses, all of subject 1 if not said."""
    size = len(time)
    data = {"ID": np.ones(size), "TIME": time, "EVID": np.zeros(size), "DV": values, **columns}
    return EventTable.from_frame(data, units={"TIME": "h", "DV": "mg/L"})


@pytest.fixture(scope="session")
def dosed() -> Callable[..., EventTable]:
    """Return a function that makes a table of oral doses and measurements."""

    def make(
        noise: float = 0.0,
        *,
        seed: int = 1,
        ids: Any = (1, 2, 3),
        clearance: Any = 4.0,
        times: Any = (0.25, 0.57, 1.12, 2.02, 3.82, 5.1, 7.03, 9.05, 12.12, 24.37),
        **columns: Any,
    ) -> EventTable:
        draws = np.random.default_rng(seed)
        rows: dict[str, list[Any]] = {n: [] for n in ("ID", "TIME", "EVID", "AMT", "DV", "MDV")}
        cl = np.broadcast_to(np.asarray(clearance, dtype=float), len(ids))
        v, ka = 40.0, 1.5
        for k, name in enumerate(ids):
            dose = 100.0 * (k + 1)
            ke = cl[k] / v
            for t in (0.0, *times):
                f = dose * ka / v / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t))
                y = f * np.exp(noise * draws.standard_normal()) if t > 0.0 else 0.0
                first = t == 0.0
                entries = (name, t, int(first), dose if first else 0.0, y, int(first))
                for column, entry in zip(rows.values(), entries, strict=True):
                    column.append(entry)
        return EventTable.from_frame(
            {**rows, **columns}, units={"TIME": "h", "AMT": "mg", "DV": "mg/L"}
        )

    return make


@pytest.fixture(scope="session")
def points() -> Callable[..., EventTable]:
    """Return `measured`."""
    return measured
