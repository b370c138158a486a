"""The erlotinib xenograft of the library is the least-squares fit of the data that come with krogh.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.dosing import EventTable

pytestmark = pytest.mark.verification


class Volumes:
    """The measured log volumes, and those of the model with each animal's own start."""

    def __init__(self) -> None:
        self.table = EventTable.read(
            kg.data.path("erlotinib_growth"),
            units={"TIME": "d", "AMT": "mg", "DV": "cm^3", "WT": "g"},
            covariates={"WT": "g"},
        )
        self.model = kg.library.model("erlotinib_xenograft")
        columns = self.table.columns
        measured = np.asarray(columns["EVID"]) == 0
        place = {subject: i for i, subject in enumerate(self.table.subjects)}
        times = np.asarray(columns["TIME"])[measured]
        self.grid = np.unique(times)
        self.rows = np.array([place[i] for i in np.asarray(columns["ID"])[measured]])
        self.columns = np.searchsorted(self.grid, times)
        self.data = np.log(np.asarray(columns["DV"])[measured])

    def model_at(self, log_start, values):
        result = kg.simulate(
            self.model,
            self.table,
            times=(self.grid, "d"),
            values={"w0": np.exp(log_start), **values},
            metrics=False,
            rtol=1e-6,
        )
        return np.log(result["tumor"].values[self.rows, self.columns])

    def fitted(self, **values):
        """Return log starts and residuals, after Gauss-Newton in the starts alone."""
        starts = np.full(len(self.table.subjects), np.log(0.1343))
        for _ in range(8):
            now = self.model_at(starts, values)
            slope = (self.model_at(starts + 1e-4, values) - now) / 1e-4
            top = np.bincount(self.rows, slope * (self.data - now))
            starts = starts + top / np.bincount(self.rows, slope**2)
        return starts, self.data - self.model_at(starts, values)


def test_the_values_are_those_of_least_squares():
    volumes = Volumes()
    model = volumes.model
    starts, residuals = volumes.fitted()
    assert residuals.size == 397
    best = np.sum(residuals**2)
    assert np.sqrt(best / (residuals.size - 33)) == pytest.approx(0.4723, abs=5e-4)
    assert np.median(np.exp(starts)) == pytest.approx(0.1343, abs=5e-4)
    np.testing.assert_allclose(
        np.percentile(np.exp(starts), [5, 95]), [0.0481, 0.297], rtol=5e-3
    )  # as the library states the range of w0
    for name in ("lambda0", "lambda1", "k2"):
        value = model.parameters[name].value.value
        worse = [np.sum(volumes.fitted(**{name: value * f})[1] ** 2) for f in (0.95, 1.05)]
        assert min(worse) > best, name
        # A parabola through the three puts the minimum within 1 % of the file's value.
        middle = 0.05 * (worse[0] - worse[1]) / (2 * (worse[0] + worse[1] - 2 * best))
        assert abs(middle) < 0.01, name


def test_the_dose_that_stops_growth():
    """A small tumor stands still over a day where k2*AUC = 2*lambda0: 44.6 mg/kg a day."""
    model = kg.library.model("erlotinib_xenograft")
    values = {n: p.value.value for n, p in model.parameters.items()}
    dose = 2 * values["lambda0"] / values["k2"] * values["CL_kg"] * 24
    assert dose == pytest.approx(44.6, abs=0.1)
    result = kg.simulate(
        model,
        kg.Regimen(f"{dose} mg/kg oral daily x 40"),
        times=([20.0, 40.0], "d"),
        values={"w0": 1e-6},
        rtol=1e-9,
    )
    tumor = result["tumor"].values[0]
    assert np.log(tumor[1] / tumor[0]) == pytest.approx(0.0, abs=1e-4)
