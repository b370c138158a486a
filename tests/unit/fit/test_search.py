"""Starts and searches: deterministic, inside bounds, the same for every number of threads.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.errors import DataError, FitError, SpecError
from krogh.fit import Free, fit
from krogh.model import Model, Parameter

Make = Callable[..., EventTable]
NAMES = ["CL", "V", "KA"]


def test_the_same_seed_gives_the_same_bits(oral: Model, dosed: Make) -> None:
    table = dosed(0.1)
    first, again, other = (fit(oral, table, NAMES, seed=s) for s in (5, 5, 6))
    for column in ("CL first", "CL", "objective"):
        assert np.array_equal(first.starts[column], again.starts[column])
    assert not np.array_equal(first.starts["CL first"], other.starts["CL first"])
    assert first.objective == pytest.approx(other.objective, abs=1e-8)


def test_the_bits_do_not_depend_on_threads(oral: Model, dosed: Make) -> None:
    table = dosed(0.1, ids=tuple(range(1, 20)))
    results = [fit(oral, table, NAMES, starts=3, num_threads=k) for k in (1, 2, 3)]
    for column in results[0].starts:
        assert all(np.array_equal(r.starts[column], results[0].starts[column]) for r in results[1:])
    assert all(np.array_equal(r.covariance, results[0].covariance) for r in results[1:])


def test_starts_lie_in_the_spread_and_inside_the_bounds(oral: Model, dosed: Make) -> None:
    free = {
        "CL": "5 L/h",
        "V": ("50 L", ("30 L", "80 L")),
        "KA": Free("1 1/h", lower="0.01 1/h", scale="linear"),
    }
    found = fit(oral, dosed(0.1), free, starts=33, spread=2.0)
    cl, v, ka = (found.starts[f"{name} first"] for name in NAMES)
    assert (cl[0], v[0], ka[0]) == pytest.approx((5.0, 50.0, 1.0))
    assert cl.min() >= 2.5 * (1 - 1e-12)
    assert cl.max() <= 10.0 * (1 + 1e-12)
    assert cl.max() / cl.min() > 3.0  # they fill the range
    assert v.min() >= 30.0 * (1 - 1e-12)
    assert v.max() <= 80.0 * (1 + 1e-12)
    assert ka.min() >= 0.01
    assert ka.max() <= 2.0
    assert np.unique(cl).size == 33


def test_the_log_and_the_linear_scale_meet(oral: Model, dosed: Make) -> None:
    table = dosed(0.1)
    logs = fit(oral, table, NAMES)
    linear = fit(oral, table, {name: Free(scale="linear") for name in NAMES}, spread=1.5)
    for name in NAMES:
        assert linear[name].value == pytest.approx(logs[name].value, rel=1e-6)
        assert linear.standard_error(name) == pytest.approx(logs.standard_error(name), rel=1e-5)


def test_own_parameters_and_errors_equal_fits_one_by_one(oral: Model, dosed: Make) -> None:
    table = dosed(0.1, clearance=(3.0, 4.0, 6.0))
    joint = fit(oral, table, NAMES, by="ID", error_by="ID", error="additive", starts=4)
    assert joint.converged
    total = 0.0
    for subject in table.subjects:
        alone = fit(oral, table.subject(subject), NAMES, error="additive", starts=4)
        total += alone.objective
        for name in NAMES:
            assert joint[f"{name}[{subject}]"].value == pytest.approx(alone[name].value, rel=1e-6)
    assert joint.objective == pytest.approx(total, abs=1e-6)


def test_shared_and_own_parameters_beside_each_other(oral: Model, dosed: Make) -> None:
    table = dosed(clearance=(3.0, 4.0, 6.0), GROUP=["x"] * 22 + ["y"] * 11)
    found = fit(oral, table, NAMES, by={"CL": "ID"}, error="additive")
    own = [found[f"CL[{k}]"].value for k in (1, 2, 3)]
    assert own == pytest.approx([3.0, 4.0, 6.0], rel=1e-6)
    assert found["V"].value == pytest.approx(40.0, rel=1e-6)


def test_several_outputs_share_their_parameters(line: Model, points: Make) -> None:
    t = np.repeat(np.arange(6.0), 2)
    draws = np.random.default_rng(0).standard_normal(12)
    kind = np.array(["y", "constant"] * 6)
    values = np.where(kind == "y", 3.0 + 0.5 * t + 0.3 * draws, 3.0 + 0.01 * draws)
    found = fit(line, points(t, values, DVID=kind), ["a", "b"], error="additive")
    assert found.converged
    sd = dict(zip(found.errors["output"], found.errors["sd"], strict=True))
    assert sd["y"] > 5.0 * sd["constant"]
    # The precise measurements fix a, and the maximum is that of a general optimizer.
    assert found["a"].value == pytest.approx(values[kind == "constant"].mean(), abs=0.005)
    from scipy.optimize import minimize

    def minus_twice_log_likelihood(x: Any) -> float:
        model = np.where(kind == "y", x[0] + x[1] * t, x[0])
        s = np.exp(np.where(kind == "y", x[2], x[3]))
        return float(np.sum(np.log(2 * np.pi * s**2) + ((values - model) / s) ** 2))

    best = minimize(
        minus_twice_log_likelihood, [3.0, 0.5, -1.0, -4.0], method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 5000, "maxfev": 5000},
    )  # fmt: skip
    assert found.objective == pytest.approx(best.fun, abs=1e-6)
    assert [found["a"].value, found["b"].value] == pytest.approx(best.x[:2], rel=1e-5)


def test_replicates_at_one_time_all_count(line: Model, points: Make) -> None:
    t = np.repeat([0.0, 1.0, 2.0], 4)
    values = 1.0 + t + 0.1 * np.random.default_rng(2).standard_normal(12)
    found = fit(line, points(t, values), ["a", "b"], observables="y", error="additive")
    slope, level = np.polyfit(t, values, 1)
    assert [found["a"].value, found["b"].value] == pytest.approx([level, slope], rel=1e-7)
    assert found.num_observations == 12


def test_subjects_without_a_measurement_are_left_out(oral: Model, dosed: Make) -> None:
    table = dosed(0.1)
    keep = np.asarray(table["ID"]) != 2
    found = fit(oral, table, NAMES, include=keep)
    assert found.table.subjects == [1, 3]
    assert "10 measurements left out by include" in str(found)


def test_values_that_are_not_estimated(oral: Model, dosed: Make) -> None:
    table = dosed()
    found = fit(oral, table, ["CL", "V"], values={"KA": "1.5 1/h"}, error="additive")
    assert found["CL"].value == pytest.approx(4.0, rel=1e-6)
    with pytest.raises(SpecError, match=r"KG-112: 'CL' is both"):
        fit(oral, table, ["CL"], values={"CL": "4 L/h"})


def test_a_prediction_of_zero_names_its_row(oral: Model, dosed: Make) -> None:
    late = dosed(0.1)
    data = {name: np.array(column) for name, column in late.to_dict().items()}
    data["TIME"] = np.where(data["EVID"] == 1, 0.4, data["TIME"])
    order = np.lexsort((data["TIME"], data["ID"]))
    table = EventTable.from_frame(
        {name: column[order] for name, column in data.items()}, units=late.units
    )
    with pytest.raises(
        FitError, match=r"KG-402: none of 8 starts(.|\n)*row 1 \(ID 1\).*predicts 0"
    ):
        fit(oral, table, NAMES)
    assert fit(oral, table, NAMES, error="additive").num_observations == 30


def test_starts_that_fail_are_reported_not_hidden(dosed: Make, oral: Model) -> None:
    """Above CL = 6 L/h this model has no real solution."""
    from krogh.model import Rate, Species

    broken = Model(
        "broken",
        *(oral.parameters[name] for name in NAMES),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-KA*depot"),
        Rate("central", "KA*depot - CL/V*central*sqrt(6[L/h] - CL)/sqrt(2[L/h])"),
        *oral.dose_inputs.values(),
        oral.outputs["Cp"],
    )
    found = fit(broken, dosed(0.1), NAMES, starts=16)
    lost = ~np.isfinite(found.starts["objective"])
    assert 0 < np.count_nonzero(lost) < 16
    assert np.array_equal(lost, found.starts["CL first"] > 6.0)
    assert any("starts failed: " in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"starts": 0}, SpecError, "KG-108: starts"),
        ({"spread": 1.0}, SpecError, "KG-108: spread"),
        ({"level": 95}, SpecError, "KG-108: level"),
        ({"max_evaluations": 1.5}, SpecError, "KG-108: max_evaluations"),
        ({"include": np.arange(33) == 1}, DataError, "KG-253: 1 measurements cannot determine 3"),
    ],
)
def test_wrong_options_have_their_error(
    oral: Model, dosed: Make, options: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        fit(oral, dosed(0.1), NAMES, **options)


def test_only_models_and_tables_are_fitted(oral: Model, dosed: Make) -> None:
    with pytest.raises(SpecError, match=r"KG-101: fit.. needs a Model"):
        fit("oral", dosed(), NAMES)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"KG-101: fit.. needs an EventTable"):
        fit(oral, {"TIME": [0]}, NAMES)  # type: ignore[arg-type]


def test_a_model_without_a_first_value_can_be_fitted(oral: Model, dosed: Make) -> None:
    bare = oral.replace(Parameter("CL", None, unit="L/h"))
    found = fit(bare, dosed(), {"CL": "2 L/h", "V": None, "KA": None}, error="additive")
    assert found["CL"].value == pytest.approx(4.0, rel=1e-6)
