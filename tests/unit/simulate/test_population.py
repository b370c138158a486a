"""Virtual populations: distributions, correlation, independence of batch and order.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.draws import cholesky, purpose_of, standard_normals, subject_keys
from krogh.population import (
    Categorical,
    Empirical,
    LogNormal,
    Normal,
    ParameterUncertainty,
    Uniform,
    VirtualPopulation,
)
from scipy import stats

N = 20_000


def drawn(distribution, n=N, seed=1):
    return VirtualPopulation(n, {"x": distribution}).draw(seed)["x"][0]


@pytest.mark.parametrize(
    ("distribution", "frozen"),
    [
        (Normal("70 kg", "12 kg"), stats.norm(70, 12)),
        (LogNormal("70 kg", 0.2), stats.lognorm(0.2, scale=70)),
        (LogNormal("70 kg", cv=0.5), stats.lognorm(np.sqrt(np.log(1.25)), scale=70)),
        (Uniform("2 kg", "5 kg"), stats.uniform(2, 3)),
        (Normal("70 kg", "12 kg", lower="60 kg"), stats.truncnorm(-10 / 12, np.inf, 70, 12)),
        (
            Normal("70 kg", "12 kg", lower="95 kg", upper="120 kg"),
            stats.truncnorm(25 / 12, 50 / 12, 70, 12),
        ),
        (
            Normal("0 kg", "1 kg", upper="-9 kg"),
            stats.truncnorm(-np.inf, -9, 0, 1),
        ),
    ],
)
def test_distributions_follow_their_law(distribution, frozen):
    values = drawn(distribution)
    assert stats.kstest(values, frozen.cdf).pvalue > 1e-3
    assert np.all(np.isfinite(values))


def test_truncation_keeps_within_bounds_far_in_the_tail():
    values = drawn(Normal("0 kg", "1 kg", lower="30 kg", upper="31 kg"))
    assert np.all((values >= 30.0) & (values <= 31.0))
    # the conditional law is nearly exponential with rate 30
    assert np.mean(values - 30.0) == pytest.approx(1 / 30, rel=0.05)


def test_lognormal_bounds():
    values = drawn(LogNormal("70 kg", cv=0.3, lower="50 kg", upper="100 kg"))
    assert values.min() >= 50.0
    assert values.max() <= 100.0


def test_categories_and_empirical_values():
    words = drawn(Categorical({"female": 0.3, "male": 0.7}))
    assert np.mean(words == "female") == pytest.approx(0.3, abs=0.015)
    seen = drawn(Empirical([50.0, 60.0, 90.0], "kg"))
    assert set(np.unique(seen)) == {50.0, 60.0, 90.0}
    assert np.mean(seen == 90.0) == pytest.approx(1 / 3, abs=0.015)


def test_values_observed_together_stay_together():
    weight, height = np.array([50.0, 70.0, 90.0]), np.array([1.5, 1.7, 1.9])
    people = VirtualPopulation(
        500,
        {
            "WT": Empirical(weight, "kg", together="survey"),
            "HT": Empirical(height, "m", together="survey"),
            "AGE": Empirical([20.0, 40.0, 60.0], "year"),
        },
    ).draw(3)
    assert np.allclose(people["HT"][0], 0.01 * people["WT"][0] + 1.0)
    assert abs(np.corrcoef(people["WT"][0], people["AGE"][0])[0, 1]) < 0.15


def test_correlation_of_the_underlying_normals():
    people = VirtualPopulation(
        N,
        {"WT": LogNormal("70 kg", 0.2), "HT": Normal("1.7 m", "0.1 m")},
        correlation={("WT", "HT"): 0.6},
    ).draw(4)
    found = np.corrcoef(np.log(people["WT"][0]), people["HT"][0])[0, 1]
    assert found == pytest.approx(0.6, abs=0.02)


def test_members_do_not_depend_on_size_or_order():
    people = {"WT": Normal("70 kg", "12 kg"), "SEX": Categorical({0: 0.5, 1: 0.5})}
    small = VirtualPopulation(10, people).draw(7)
    large = VirtualPopulation(1000, people).draw(7)
    for name in people:
        assert np.array_equal(small[name][0], large[name][0][:10])
    reverse = VirtualPopulation(1000, people).draw(7, np.array([5, 3]))
    assert np.array_equal(reverse["WT"][0], large["WT"][0][[4, 2]])
    # another covariate beside it changes nothing
    more = VirtualPopulation(10, {"AGE": Uniform("20 year", "60 year"), **people}).draw(7)
    assert np.array_equal(more["WT"][0], small["WT"][0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(70, "12 kg"), "has no unit"),
        (lambda: Normal("70 kg", "-1 kg"), "must not be negative"),
        (lambda: Normal("70 kg", "1 kg", lower="2 kg", upper="1 kg"), "not below"),
        (lambda: LogNormal("70 kg"), "either sigma or cv"),
        (lambda: LogNormal("-70 kg", 0.1), "positive median"),
        (lambda: Categorical({"a": 0.5, "b": 0.4}), "add up to 1"),
        (lambda: Empirical([]), "one row"),
        (lambda: Empirical([1.0, np.nan]), "finite"),
        (lambda: VirtualPopulation(0), "at least 1"),
        (lambda: VirtualPopulation(5, {"a": Uniform("1 kg", "2 kg")}, {("a", "b"): 0.1}), "'b'"),
        (lambda: ParameterUncertainty(("CL",), [[0.1]], level="all"), "level must be"),
    ],
)
def test_wrong_distributions(make, message):
    with pytest.raises(kg.SpecError, match=message):
        make()


def test_cholesky_of_full_and_singular_matrices():
    full = np.array([[0.09, 0.02, 0.0], [0.02, 0.04, 0.01], [0.0, 0.01, 1e-9]])
    with pytest.raises(kg.SpecError, match=r"not positive semi-definite(.|\n)*correlation"):
        cholesky(full, ("a", "b", "c"))
    full[2] = full[:, 2] = 0.0
    lower = cholesky(full, ("a", "b", "c"))
    assert np.allclose(lower @ lower.T, full, atol=1e-16)
    same = cholesky([[0.04, 0.06], [0.06, 0.09]], ("a", "b"))
    assert np.allclose(same @ same.T, [[0.04, 0.06], [0.06, 0.09]])
    with pytest.raises(kg.SpecError, match="not symmetric: a with b"):
        cholesky([[1.0, 0.1], [0.2, 1.0]], ("a", "b"))
    with pytest.raises(kg.SpecError, match="variance of a is -1"):
        cholesky([[-1.0]], ("a",))
    with pytest.raises(kg.SpecError, match="shape"):
        cholesky([[1.0, 0.0]], ("a",))


def test_draws_are_keyed_by_subject():
    keys = np.array([4, 7, 9])
    first = standard_normals(3, purpose_of("a"), keys, 5)
    assert np.array_equal(standard_normals(3, purpose_of("a"), keys[::-1].copy(), 5)[::-1], first)
    assert np.array_equal(standard_normals(3, purpose_of("a"), keys, 2), first[:, :2])
    assert not np.any(standard_normals(3, purpose_of("b"), keys, 5) == first)
    assert not np.any(standard_normals(4, purpose_of("a"), keys, 5) == first)
    assert standard_normals(3, 1, keys, 0).shape == (3, 0)
    with pytest.raises(kg.SpecError, match="seed"):
        standard_normals(-1, 1, keys, 1)


def test_subject_keys_of_text():
    keys = subject_keys(["ann", "bob"])
    assert keys[0] != keys[1]
    assert np.array_equal(subject_keys(["bob", "ann"]), keys[::-1])
    assert np.array_equal(subject_keys([3.0, 4.0]), [3, 4])


def test_simulated_population_is_the_same_in_every_batch(oral):
    people = {"WT": LogNormal("70 kg", cv=0.2, lower="40 kg", upper="150 kg")}
    options = {"variability": True, "times": ([6, 12], "h"), "seed": 5}
    many = kg.simulate(oral, "1 mg/kg oral", subjects=VirtualPopulation(40, people), **options)
    few = kg.simulate(oral, "1 mg/kg oral", subjects=VirtualPopulation(7, people), **options)
    assert np.array_equal(many["Cp"].values[:7], few["Cp"].values)
    other = kg.simulate(
        oral, "1 mg/kg oral", subjects=VirtualPopulation(7, people), **(options | {"seed": 6})
    )
    assert not np.any(other["Cp"].values == few["Cp"].values)


def test_frame_of_subjects_keeps_ids_and_effects(oral):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"ID": [12, 3, 8], "WT": [50.0, 70.0, 90.0], "NOTE": ["a", "b", "c"]})
    options = {"variability": "subject", "times": ([6.0], "h")}
    first = kg.simulate(oral, "100 mg oral", subjects=frame, **options)
    assert first.subjects.tolist() == [12, 3, 8]
    second = kg.simulate(oral, "100 mg oral", subjects=frame.iloc[[2, 0]], **options)
    assert np.array_equal(second["Cp"].values, first["Cp"].values[[2, 0]])
    assert first.parameters["WT"].values == pytest.approx([50.0, 70.0, 90.0])


@pytest.mark.parametrize(
    ("subjects", "error", "message"),
    [
        (0, kg.SpecError, "at least 1"),
        (True, kg.SpecError, "must be a number"),
        ("ten", kg.SpecError, "must be a number"),
        ({"WTT": [50.0]}, kg.SpecError, "no covariate or parameter 'WTT'"),
        ({"WT": [50.0, 60.0], "CL": [1.0]}, kg.DataError, "differ in length"),
        ({"ID": [1, 1], "WT": [50.0, 60.0]}, kg.DataError, "occurs 2 times"),
        ({"WT": ([50.0], "L")}, kg.UnitError, "KG-121"),
        ({"WT": [500.0]}, kg.SpecError, "outside"),
    ],
)
def test_wrong_subjects(oral, subjects, error, message):
    with pytest.raises(error, match=message):
        kg.simulate(oral, "100 mg oral", subjects=subjects, until="1 d")


def test_parameter_uncertainty(oral):
    doubt = ParameterUncertainty(("CL", "V"), [[0.04, 0.0], [0.0, 0.01]])
    options = {"times": ([6.0], "h"), "subjects": 3}
    one = kg.simulate(oral, "100 mg oral", uncertainty=doubt, seed=1, **options)
    assert np.ptp(one["Cp"].values[:, 0]) == 0.0
    assert one.parameters["CL"].values[0] != 5.0
    own = ParameterUncertainty(("CL",), [[0.04]], level="subject")
    many = kg.simulate(oral, "100 mg oral", uncertainty=own, **(options | {"subjects": 4000}))
    spread = np.std(np.log(many.parameters["CL"].values))
    assert spread == pytest.approx(0.2, rel=0.05)
