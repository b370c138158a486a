"""Random effects of subjects and occasions.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest


def test_covariance_of_the_effects(oral):
    result = kg.simulate(
        oral, "100 mg oral", subjects=20_000, variability="subject", times=([1.0], "h"),
        metrics=False,
    )  # fmt: skip
    effects = np.column_stack([result.parameters[n].values for n in ("eta_CL", "eta_V")])
    assert np.allclose(np.cov(effects.T), [[0.09, 0.01], [0.01, 0.04]], atol=0.003)
    assert "kappa_CL" not in result.parameters


def test_no_variability_means_one_person(oral):
    result = kg.simulate(oral, "100 mg oral", subjects=3, times=([1.0, 2.0], "h"))
    assert np.ptp(result["Cp"].values, axis=0).max() == 0.0


def test_occasions_begin_with_doses(oral):
    """With kappa on clearance each interval decays at a rate of its own."""
    options = {"subjects": 5, "variability": "occasion", "metrics": False, "rtol": 1e-9}
    times = ([10, 11, 34, 35, 58, 59], "h")
    result = kg.simulate(oral, "100 mg iv every 24 h x 3", times=times, **options)
    c = result["Cp"].values
    rates = np.log(c[:, ::2] / c[:, 1::2])
    assert np.all(np.ptp(rates, axis=1) > 1e-3)
    kappa = np.log(rates / 0.1)
    assert np.std(kappa) == pytest.approx(0.2, abs=0.1)
    # occasion k is the same however many there are
    fewer = kg.simulate(oral, "100 mg iv every 24 h x 2", times=([10, 11, 34, 35], "h"), **options)
    assert fewer["Cp"].values == pytest.approx(c[:, :4], rel=1e-7)


def test_occasions_at_given_times(oral):
    options = {"variability": "occasion", "metrics": False, "rtol": 1e-9}
    times = ([1, 2, 11, 12], "h")
    result = kg.simulate(
        oral, "100 mg iv", times=times, occasions=([0.0, 10.0], "h"), subjects=2, **options
    )
    c = result["Cp"].values
    assert np.all(np.abs(np.log(c[:, 0] / c[:, 1]) - np.log(c[:, 2] / c[:, 3])) > 1e-4)
    with pytest.raises(kg.SpecError, match="a regimen has no columns"):
        kg.simulate(oral, "100 mg iv", times=times, occasions="VISIT", **options)


def test_occasion_column_of_a_table_matches_the_regimen(oral):
    """OCC that changes right at each dose, held forward, is the same as an occasion per dose."""
    rows = {
        "ID": [1] * 4 + [2] * 4,
        "TIME": [0.0, 11.0, 24.0, 35.0] * 2,
        "EVID": [1, 0, 1, 0] * 2,
        "MDV": [1] * 8,
        "AMT": [100.0, 0.0, 100.0, 0.0] * 2,
        "CMT": [2] * 8,
        "OCC": [1, 1, 2, 2] * 2,
    }
    table = kg.EventTable.from_frame(rows, units={"TIME": "h", "AMT": "mg"}, interpolation="locf")
    options = {"variability": True, "seed": 3, "metrics": False, "rtol": 1e-9}
    from_table = kg.simulate(oral, table, **options)
    from_regimen = kg.simulate(
        oral, "100 mg iv every 24 h x 2", subjects=2, times=([11, 35], "h"), **options
    )
    assert from_table["Cp"].values == pytest.approx(from_regimen["Cp"].values.ravel(), rel=1e-12)
    by_dose = kg.simulate(oral, table, occasions="doses", **options)
    assert by_dose["Cp"].values == pytest.approx(from_table["Cp"].values, rel=1e-12)
    with pytest.raises(kg.DataError, match="no column 'VISIT'"):
        kg.simulate(oral, table, occasions="VISIT", **options)


def test_wrong_variability(oral):
    with pytest.raises(kg.SpecError, match="variability must be"):
        kg.simulate(oral, "100 mg iv", until="1 d", variability="both")


def test_stated_effects_are_not_drawn(oral):
    """Individual estimates of random effects replace drawn ones, at either level."""
    options = {"subjects": 2, "variability": True, "times": ([10.0], "h"), "rtol": 1e-10}
    stated = {"eta_CL": [0.1, -0.2], "kappa_CL": 0.0, "eta_V": 0.0}
    result = kg.simulate(oral, "100 mg iv", values=stated, metrics=False, **options)
    rates = 0.1 * np.exp([0.1, -0.2])
    assert result["Cp"].values[:, 0] == pytest.approx(2 * np.exp(-10 * rates))
    with_table = kg.simulate(oral, "100 mg iv", values={"kappa_CL": 0.0}, metrics=False, **options)
    assert with_table.parameters["kappa_CL"].values.tolist() == [0.0, 0.0]


def test_every_dose_of_a_table_is_an_occasion_also_additional_ones(oral):
    """As in the sentence that says the same."""
    frame = {"ID": [1, 1, 1], "TIME": [0, 5, 30], "AMT": [100, 0, 0], "II": [12, 0, 0],
             "ADDL": [2, 0, 0], "EVID": [1, 0, 0]}  # fmt: skip
    table = kg.EventTable.from_frame(frame, units={"TIME": "h", "AMT": "mg"})
    grid = ([5.0, 17.0, 30.0], "h")
    options = {"times": grid, "variability": True, "seed": 4, "metrics": False}
    by_table = kg.simulate(oral, table, **options)["Cp"].values
    by_sentence = kg.simulate(oral, "100 mg every 12 h x 3", **options)["Cp"].values
    assert by_table == pytest.approx(by_sentence, rel=1e-12)


def test_occasions_of_a_subject_do_not_depend_on_those_of_others(oral):
    frame = {"ID": [1, 1, 1, 2, 2], "TIME": [0, 5, 30, 0, 5], "AMT": [100, 0, 100, 100, 0],
             "EVID": [1, 0, 1, 1, 0], "OCC": [1, 3, 3, 2, 2]}  # fmt: skip
    table = kg.EventTable.from_frame(frame, units={"TIME": "h", "AMT": "mg"})
    options = {"variability": True, "seed": 4, "metrics": False}
    both = kg.simulate(oral, table, **options)["Cp"].values
    alone = kg.simulate(oral, table.subject(1), **options)["Cp"].values
    assert both[: alone.size].tolist() == alone.tolist()
