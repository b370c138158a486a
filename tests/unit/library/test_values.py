"""Values with ranges: how they are read, and how they are drawn.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import krogh as kg
import numpy as np
import pytest
from krogh.errors import SpecError
from krogh.library.values import Value, parameter_of

Z = 1.6448536269514722


def _value(range_, value="3 nM", **more):
    return Value(value=value, range=range_, source="test", **more)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (_value("interval 1 to 6, of tests"), (1, 6)),
        (_value("90 % CI 1-6"), (1, 6)),
        (
            _value("RSE 10 %"),
            tuple(3 * math.exp(s * Z * math.sqrt(math.log(1.01))) for s in (-1, 1)),
        ),
        (_value("SE 0.3", distribution="normal"), (3 - Z * 0.3, 3 + Z * 0.3)),
        (
            _value("95 % CI 1-9"),
            tuple(3 * 3 ** (s * Z / 1.959963984540054) for s in (-1, 1)),
        ),
        (_value("not reported in the source read"), None),
    ],
)
def test_ranges_are_ninety_percent_intervals(value, expected):
    if expected is None:
        assert value.ends is None
        assert not value.is_uncertain
        assert value.range_text == "1.5 to 6 nM (assumed, not reported in the source read)"
        np.testing.assert_array_equal(value.drawn(np.array([-1.0, 2.0])), 3.0)
    else:
        assert value.ends == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("distribution", ["lognormal", "logitnormal", "normal"])
def test_draws_have_median_and_ends(distribution):
    value = _value("interval 0.1 to 0.35, tests", "0.3", distribution=distribution)
    np.testing.assert_allclose(value.drawn(np.array([-Z, 0.0, Z])), [0.1, 0.3, 0.35], rtol=1e-12)
    z = np.linspace(-6, 6, 1001)
    drawn = value.drawn(z)
    assert np.all(np.diff(drawn) > 0)
    if distribution != "normal":
        assert drawn.min() > 0
    if distribution == "logitnormal":
        assert drawn.max() < 1


def test_a_centered_value_is_plainly_lognormal():
    value = _value("interval 1 to 9, tests")
    z = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(value.drawn(z), 3 * np.exp(math.log(3) / Z * z), rtol=1e-13)


@pytest.mark.parametrize(
    "fields",
    [
        {"range": "interval 3 to 6, tests"},
        {"range": "interval 4 to 6, tests"},
        {"range": "between subjects"},
        {"range": "80 % CI 1-5"},
        {"range": "interval -1 to 6, tests"},
        {"range": "interval 1 to 6, tests", "distribution": "logitnormal"},
        {"range": "interval 1 to 6, tests", "distribution": "uniform"},
    ],
)
def test_wrong_ranges_are_refused(fields):
    with pytest.raises(ValueError, match=r"range|distribution|confidence"):
        Value(**{"value": "3 nM", "source": "test", **fields})


def test_parameters_carry_range_and_source():
    parameter = parameter_of(_value("interval 1 to 6, tests", note="what it is", verified=False))
    assert parameter.note == "what it is; range interval 1 to 6, tests"
    assert parameter.source == "test"
    assert not parameter.verified
    assert parameter.bounds == (0.0, math.inf)
    fraction = parameter_of(
        _value("interval 0.1 to 0.35, tests", "0.3", distribution="logitnormal")
    )
    assert fraction.bounds == (0.0, 1.0)


PAIR = ["T-DM1", "trastuzumab"]


def _draw(drugs, count, seed=7, tumour="NCI-N87"):
    return kg.library.virtual_values(drugs, tumour, "mouse 20 g", count, seed)


def test_virtual_values_do_not_depend_on_count_order_or_company():
    few, many = _draw(PAIR, 5), _draw(PAIR[::-1], 200)
    assert set(few) == set(many)
    for name, (values, unit) in few.items():
        np.testing.assert_array_equal(values, many[name][0][:5])
        assert unit == many[name][1]
    alone = _draw(["trastuzumab"], 5)
    for name, (values, _) in alone.items():
        np.testing.assert_array_equal(values, few[name][0])
    assert not np.array_equal(
        _draw(PAIR, 5, seed=8)["permeability_TDM1"][0], few["permeability_TDM1"][0]
    )


def test_what_varies_together_shares_its_draws():
    drawn = _draw(PAIR, 50)
    for base in ("permeability", "diffusivity", "void_fraction", "dissociation_rate", "kel"):
        np.testing.assert_array_equal(drawn[f"{base}_TDM1"][0], drawn[f"{base}_trastuzumab"][0])
    np.testing.assert_array_equal(
        drawn["internalization_rate_HER2"][0], drawn["internalization_rate_TDM1"][0]
    )
    a = np.log(drawn["permeability_TDM1"][0])
    for other in ("diffusivity_TDM1", "target_density_HER2", "outer_radius"):
        assert abs(np.corrcoef(a, np.log(drawn[other][0]))[0, 1]) < 0.4


def test_quantiles_are_those_of_the_ranges():
    count = 4000
    drawn = _draw(PAIR, count)
    ranges = kg.library.uncertain_values(PAIR, "NCI-N87", "mouse 20 g")
    assert set(drawn) == set(ranges)
    four_errors = 4 * math.sqrt(0.05 * 0.95 / count)
    for name, (values, unit) in drawn.items():
        value = ranges[name]
        assert unit == value.unit
        low, high = value.ends
        assert np.mean(values < low) == pytest.approx(0.05, abs=four_errors), name
        assert np.mean(values > high) == pytest.approx(0.05, abs=four_errors), name
        assert np.mean(values < value.quantity.value) == pytest.approx(0.5, abs=0.04), name
        assert np.all(np.isfinite(values))
        assert np.all(values > 0)
    assert np.all(drawn["void_fraction_TDM1"][0] < 1)
    assert np.all(drawn["outer_radius"][0] >= 1.5 * drawn["inner_radius"][0])


def test_names_are_those_of_the_models_and_the_shape():
    for drugs, tumour, subject in (
        (PAIR, "HER2 2+", "human 70 kg"),
        (["cetuximab"], "A431", "mouse 20 g"),
        (["nanobody"], "NCI-N87", "mouse 20 g"),
        (["doxorubicin"], "tumour cord", "human 70 kg"),
        (["methotrexate"], "glioma, enhancing", "human 70 kg"),
    ):
        systemic, tissue = kg.library.assemble(drugs, tumour, subject)
        known = {**systemic.parameters, **tissue.parameters}
        for name, (_, unit) in kg.library.virtual_values(drugs, tumour, subject, 2).items():
            if name in ("inner_radius", "outer_radius"):
                continue
            assert name in known
            kg.units.require_dimension(unit or "1", known[name].unit or "1")


def test_fixed_values_are_not_drawn():
    drug = kg.library.drug("T-DM1").with_values(permeability="2e-7 cm/s")
    tumour = kg.library.tumour("NCI-N87").with_values(outer_radius="60 um")
    drawn = kg.library.virtual_values(drug, tumour, "mouse 20 g", 4)
    assert "permeability_TDM1" not in drawn
    assert "outer_radius" not in drawn
    assert "inner_radius" in drawn
    assert not any(n.startswith("molar_mass") for n in drawn)


@pytest.mark.parametrize(
    ("count", "seed", "code"), [(0, 0, "KG-117"), (2.5, 0, "KG-117"), (2, -1, "KG-117")]
)
def test_wrong_counts_and_seeds(count, seed, code):
    with pytest.raises(SpecError, match=code):
        _draw(PAIR, count, seed)


def test_radii_that_hardly_make_a_cylinder_are_said():
    tumour = kg.library.tumour("NCI-N87").with_values(
        inner_radius={"value": "50 um", "range": "interval 49 to 51, tests"},
        outer_radius={"value": "55 um", "range": "interval 54 to 56, tests"},
    )
    with pytest.raises(SpecError, match=r"KG-148: .*radii"):
        kg.library.virtual_values("trastuzumab", tumour, "mouse 20 g", 3)
