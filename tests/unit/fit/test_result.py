"""What a fit tells: tables, text, pictures, simulation with the estimates, profiles.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import krogh as kg
import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.errors import SpecError
from krogh.fit import FitResult, Free, fit
from krogh.model import Model

Make = Callable[..., EventTable]
NAMES = ["CL", "V", "KA"]


@pytest.fixture(scope="module")
def found(oral: Model, dosed: Make) -> FitResult:
    return fit(oral, dosed(0.1), NAMES)


@pytest.fixture(scope="module")
def own(oral: Model, dosed: Make) -> FitResult:
    return fit(oral, dosed(0.05, clearance=(3.0, 4.0, 6.0)), NAMES, by={"CL": "ID"})


def test_the_public_name_is_the_function() -> None:
    assert kg.fit is fit


def test_estimates_carry_their_units(found: FitResult) -> None:
    assert str(found["CL"]).endswith("L/h")
    with pytest.raises(SpecError, match=r"KG-118.*'CLL'.*Did you mean 'CL'"):
        _ = found["CLL"]


def test_the_table_of_estimates(found: FitResult) -> None:
    table = found.parameters
    value, error = table["estimate"], table["SE"]
    assert table["RSE"] == pytest.approx(100.0 * error / value)
    from scipy.stats import t

    half = t.ppf(0.975, found.num_observations - 3) * error / value
    assert table["95 % low"] == pytest.approx(value * np.exp(-half))
    assert table["95 % high"] == pytest.approx(value * np.exp(half))
    low, high = found.interval("CL", 0.5)
    assert table["95 % low"][0] < low < value[0] < high < table["95 % high"][0]
    frame = found.to_frame()
    assert list(frame["parameter"]) == NAMES
    assert frame.attrs["units"]["RSE"] == "%"
    assert "RSE [%]" in found.to_csv()


def test_criteria(found: FitResult) -> None:
    assert found.num_parameters == 4  # three and the residual error
    assert found.aic == pytest.approx(found.objective + 8.0)
    assert found.bic == pytest.approx(found.objective + 4.0 * np.log(30))
    assert found.degrees_of_freedom == 27


def test_correlation_and_covariance(found: FitResult) -> None:
    errors = np.sqrt(np.diag(found.covariance))
    assert found.correlation == pytest.approx(found.covariance / np.outer(errors, errors))
    assert np.diag(found.correlation).tolist() == [1.0, 1.0, 1.0]


def test_predictions_and_residuals(found: FitResult) -> None:
    rows = found.observations
    again = found.simulate(metrics=False)
    assert rows["predicted"] == pytest.approx(again["Cp"].values, rel=1e-5)
    assert rows["residual"] == pytest.approx(rows["DV"] - rows["predicted"])
    cv = found.errors["cv"][0] / 100.0
    assert rows["standardized"] == pytest.approx(rows["residual"] / (cv * rows["predicted"]))
    assert np.sum(rows["standardized"] ** 2) == pytest.approx(found.degrees_of_freedom)


def test_the_text_and_the_diagnosis(found: FitResult) -> None:
    text = str(found)
    assert "3 parameters from 30 measurements of 3 subjects: converged" in text
    for word in ("8 of 8 end at the estimate", "-2 ln L", "AIC", "RSE [%]", "proportional"):
        assert word in text
    assert "relative offset" in found.diagnose()
    assert "began at" in found.diagnose()
    assert found._repr_html_().count("<table>") == 2


def test_the_parts_of_a_combined_error(oral: Model, dosed: Make) -> None:
    found = fit(oral, dosed(0.1), NAMES, error="combined")
    row = next(iter(found.errors.rows()))
    spread = np.sqrt(row["sd"] ** 2 + (row["cv"] / 100.0 * found.observations["predicted"]) ** 2)
    rows = found.observations
    assert rows["standardized"] == pytest.approx(rows["residual"] / spread, rel=1e-6)


def test_simulation_with_the_estimates(found: FitResult, oral: Model) -> None:
    here = found.simulate("200 mg", until="24 h")
    there = kg.simulate(oral, "200 mg", until="24 h", values=found.values())
    assert np.array_equal(here["Cp"].values, there["Cp"].values)
    other = found.simulate("200 mg", until="24 h", values={"CL": "40 L/h"})
    assert other["Cp"].values[0, -1] < here["Cp"].values[0, -1]


def test_simulation_with_the_uncertainty_of_the_estimates(found: FitResult) -> None:
    many = found.simulate("200 mg", until="24 h", uncertainty=True, subjects=4000, seed=3)
    drawn = np.log([many.parameters[name].values for name in NAMES])
    assert np.cov(drawn) == pytest.approx(found.covariance, rel=0.15, abs=1e-4)
    assert drawn.mean(axis=1) == pytest.approx([np.log(found[n].value) for n in NAMES], abs=5e-3)
    one = found.simulate("200 mg", until="24 h", uncertainty="population", subjects=3)
    assert np.ptp(one.parameters["CL"].values) == 0.0


def test_estimates_of_groups_belong_to_their_subjects(own: FitResult) -> None:
    assert own.converged
    assert own.values(2)["CL"].startswith(repr(own["CL[2]"].value))
    with pytest.raises(SpecError, match=r"KG-101: 'CL' differs between subjects"):
        own.simulate("100 mg", until="24 h")
    with pytest.raises(SpecError, match=r"KG-101: the fit has no subject 9"):
        own.values(9)
    with pytest.raises(SpecError, match=r"KG-112: estimates differ"):
        own.uncertainty()
    low, high = (own.simulate("100 mg", until="24 h", subject=s)["Cp"].values for s in (1, 3))
    assert low[0, -1] > high[0, -1]
    rows = own.observations
    assert rows["predicted"] == pytest.approx(own.simulate(metrics=False)["Cp"].values, rel=1e-5)


def test_mixed_scales_have_no_joint_draw(oral: Model, dosed: Make) -> None:
    mixed = fit(oral, dosed(0.1), {"CL": None, "V": None, "KA": Free(scale="linear")}, starts=4)
    with pytest.raises(SpecError, match=r"KG-112: some estimates"):
        mixed.uncertainty()


def test_the_profile_rises_from_the_estimate(found: FitResult) -> None:
    profile = found.profile("KA", points=5, width=2.0)
    rise, value = profile["above best"], profile["value"]
    assert value[2] == pytest.approx(found["KA"].value)
    assert rise[2] == pytest.approx(0.0, abs=1e-6)
    assert rise[0] > rise[1] > 0.2
    assert rise[4] > rise[3] > 0.2
    # For nearly normal estimates the rise at 2 standard errors is 4 n/(n - p).
    assert rise[[0, 4]] == pytest.approx([4.0, 4.0], rel=0.35)
    with pytest.raises(SpecError, match=r"KG-108"):
        found.profile("KA", points=2)


def test_pictures(found: FitResult, own: FitResult, tmp_path: Path) -> None:
    figure = found.plot(path=tmp_path / "fit.png")
    assert (tmp_path / "fit.png").stat().st_size > 10_000
    assert [a.get_title(loc="left") for a in figure.axes] == ["ID 1", "ID 2", "ID 3"]
    assert figure.axes[0].get_ylabel() == "Cp (mg/L)"
    assert {a.get_xlabel() for a in figure.axes} == {"time (h)"}
    curve, dots = figure.axes[1].lines
    rows = found.observations.where(ID=2)
    assert np.array_equal(dots.get_ydata(), rows["DV"])
    inside = np.isin(curve.get_xdata(), rows["TIME"])
    assert curve.get_ydata()[inside] == pytest.approx(rows["predicted"], rel=1e-4)
    assert own.plot(log=True).axes[0].get_yscale() == "log"
    assert [t.get_text() for t in figure.legends[0].texts] == ["fit", "measured"]


def test_a_picture_by_group(oral: Model, dosed: Make) -> None:
    table = dosed(0.1, GROUP=["x"] * 22 + ["y"] * 11)
    figure = fit(oral, table, NAMES, starts=2).plot(by="GROUP")
    assert [a.get_title(loc="left") for a in figure.axes] == ["GROUP x", "GROUP y"]
    assert len(figure.axes[0].lines) == 4


def test_a_picture_of_one_sample_each(oral: Model, dosed: Make) -> None:
    table = dosed(0.1, ids=tuple(range(1, 11)))
    one = np.zeros(len(table), dtype=bool)
    one[[11 * k + k + 1 for k in range(10)]] = True
    figure = fit(oral, table, NAMES, include=one, starts=2).plot()
    assert [a.get_title(loc="left") for a in figure.axes] == ["10 subjects"]
    with pytest.raises(SpecError, match=r"KG-101"):
        fit(oral, table, NAMES, include=one, starts=2).plot(by="SITE")


def test_a_picture_names_a_few_subjects_in_one_panel(oral: Model, dosed: Make) -> None:
    table = dosed(0.1, SITE=["x"] * 33)
    figure = fit(oral, table, NAMES, starts=2).plot(by="SITE")
    names = [t.get_text() for t in figure.legends[0].texts]
    assert sorted(names) == sorted(
        f"{what} ID {k}" for k in (1, 2, 3) for what in ("fit", "measured")
    )


def test_a_clock_that_starts_anew(oral: Model, dosed: Make) -> None:
    """Two occasions of one subject: EVID 4 resets; predictions and the picture follow the rows."""
    one, two = dosed(0.1, ids=(1,)), dosed(0.1, ids=(1,), seed=9)
    columns = {k: np.concatenate([a, b]) for (k, a), b in zip(
        one.to_dict().items(), two.to_dict().values(), strict=True)}  # fmt: skip
    columns["EVID"] = np.where((np.arange(22) == 11), 4, columns["EVID"])
    found = fit(oral, EventTable.from_frame(columns, units=one.units), NAMES)
    assert found.converged
    assert found.num_observations == 20
    predicted = found.observations["predicted"]
    assert predicted[:10] == pytest.approx(predicted[10:], rel=1e-6)
    (axes,) = found.plot().axes
    assert len(axes.lines[0].get_xdata()) == 20


def test_a_measurement_far_from_the_fit_is_named(oral: Model, dosed: Make) -> None:
    table = dosed(0.05, ids=tuple(range(1, 13)))
    columns = table.to_dict()
    columns["DV"] = columns["DV"].copy()
    columns["DV"][60] *= 3.0
    found = fit(oral, EventTable.from_frame(columns, units=table.units), NAMES, starts=4)
    (note,) = [n for n in found.notes if "standard deviations from the fit" in n]
    assert note.startswith("table row 61 (ID 6): measured ")


def test_covariates_beside_the_table(oral: Model, dosed: Make) -> None:
    from krogh.model import Covariate, Rule

    weighted = Model(
        "weighted",
        *(oral.parameters[name] for name in NAMES),
        *oral.species.values(),
        Covariate("WT", "70 kg"),
        Rule("CLw", "CL*WT/70[kg]"),
        kg.Rate("depot", "-KA*depot"),
        kg.Rate("central", "KA*depot - CLw/V*central"),
        *oral.dose_inputs.values(),
        oral.outputs["Cp"],
    )
    table = dosed(clearance=(2.0, 4.0, 8.0))
    people = {"ID": [1, 2, 3], "WT": ([35.0, 70.0, 140.0], "kg")}
    found = fit(weighted, table, NAMES, subjects=people, error="additive", starts=4)
    assert found["CL"].value == pytest.approx(4.0, rel=1e-6)
    again = found.simulate(metrics=False)["Cp"].values
    assert found.observations["predicted"] == pytest.approx(again, rel=1e-5)


def test_a_result_can_be_sent_to_another_process(found: FitResult) -> None:
    import pickle

    copy = pickle.loads(pickle.dumps(found))
    assert str(copy) == str(found)
    assert np.array_equal(
        copy.simulate("100 mg", until="9 h")["Cp"].values,
        found.simulate("100 mg", until="9 h")["Cp"].values,
    )
