"""Units: exact factors, spelling, dimensions, mass against amount, doses, pint.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from krogh import units
from krogh.errors import UnitError
from krogh.unit_table import UNITS
from krogh.units import (
    Quantity,
    convert,
    convert_amount,
    dimension,
    dose_unit,
    factor,
    parse_quantity,
    parse_unit,
)


@pytest.mark.parametrize(
    ("unit", "internal"),
    [
        ("s", 1),
        ("min", 60),
        ("h", 3600),
        ("d", 86400),
        ("week", 604800),
        ("um", 1),
        ("mm", 1000),
        ("cm", 10**4),
        ("m", 10**6),
        ("L", 10**15),  # 1 dm^3 = (1e5 um)^3
        ("mL", 10**12),
        ("nM", 1),
        ("mM", 10**6),
        ("mol", 10**24),
        ("nmol", 10**15),
        ("g", 10**21),
        ("mg", 10**18),
        ("ng/mL", 1),
        ("mg/L", 1000),
        ("kDa", 1),
        ("g/mol", Fraction(1, 1000)),
        ("mmHg", 1),
        ("%", Fraction(1, 100)),
        ("1/h", Fraction(1, 3600)),
        ("L/d", Fraction(10**15, 86400)),
        ("cm/s", 10**4),
        ("molecule", Fraction(10**24, 602214076 * 10**15)),  # SI Brochure 9: Avogadro's constant
        ("kPa", 1000 / Fraction("133.322387415")),
    ],
)
def test_factors_are_exact(unit: str, internal: Fraction | int) -> None:
    assert parse_unit(unit).exact == Fraction(internal)


@pytest.mark.parametrize(
    "spellings",
    [
        ("m^2", "m**2", "m2", "m\u00b2", "m*m", "m m", "m\u00b7m"),
        ("1/h", "h^-1", "h-1", "h\u207b\u00b9", "h**-1", "1/hour", "1/hr"),
        ("mg/(L h)", "mg/L/h", "mg L-1 h-1", "mg*L^-1*h^-1", "mg/(L*h)"),
        ("uL", "\u00b5L", "\u03bcL", "microliter", "ul"),
        ("nM", "nmol/L", "nanomolar", "pmol/mL"),
        ("mL/min/1.73m2", "mL/(min 1.73 m^2)"),
        ("d", "day", "days"),
        ("m^(1/2)", "m**0.5"),
    ],
)
def test_spellings_of_one_unit_agree(spellings: tuple[str, ...]) -> None:
    first = parse_unit(spellings[0])
    for other in spellings[1:]:
        parsed = parse_unit(other)
        assert parsed.dimension == first.dimension, other
        assert float(parsed.exact / first.exact) == pytest.approx(1.0, abs=1e-15), other


def test_conversion_uses_the_exact_ratio() -> None:
    assert convert(1.0, "d", "h") == 24.0
    assert convert(0.1, "mg/L", "ng/mL") == 0.1 * 1000.0
    assert convert(7.0, "d", "week") == 1.0
    values = np.array([1.0, 2.0])
    assert convert(values, "h", "min").tolist() == [60.0, 120.0]
    assert values.tolist() == [1.0, 2.0]


def test_conversion_between_dimensions_shows_both_sides() -> None:
    with pytest.raises(UnitError, match="KG-121") as caught:
        convert(1.0, "mg/L", "h")
    assert "mass concentration" in str(caught.value)
    assert "Needed: time" in str(caught.value)


def test_mass_and_amount_meet_only_through_a_molar_mass() -> None:
    assert convert_amount(148.0, "mg", "umol", "148 kDa") == pytest.approx(1.0, rel=1e-15)
    assert convert_amount(1.0, "umol", "mg", "148 kDa") == pytest.approx(148.0, rel=1e-15)
    assert convert_amount(1.0, "mg/L", "nM", "1000 g/mol") == pytest.approx(1000.0, rel=1e-15)
    assert convert_amount(1.0, "L/mg/h", "1/(nM h)", "1 kDa") == pytest.approx(1e-3, rel=1e-15)
    with pytest.raises(UnitError, match="KG-122"):
        convert_amount(1.0, "mg", "nmol")
    with pytest.raises(UnitError, match="KG-121"):
        convert_amount(1.0, "mg", "h", "148 kDa")
    with pytest.raises(UnitError, match="KG-123"):
        convert_amount(1.0, "mg", "nmol", "148 kg")
    for wrong in ("0 kDa", "-5 kDa"):
        with pytest.raises(UnitError, match="KG-123"):
            convert_amount(1.0, "mg", "nmol", wrong)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mgg", "KG-120"),
        ("mg/Lh", "KG-120"),
        ("degC", "KG-127"),
        ("mg/", "KG-125"),
        ("/h", "KG-125"),
        ("mg//h", "KG-125"),
        ("(mg", "KG-125"),
        ("mg)", "KG-125"),
        ("mg^", "KG-125"),
        ("mg^x", "KG-125"),
        ("mg^999", "KG-125"),
        ("0 mg", "KG-125"),
        ("1e400 mg", "KG-125"),
        ("m^(1/0)", "KG-125"),
        ("mg; import os", "KG-125"),
        ("m" * 300, "KG-125"),
        ("(" * 60 + "m" + ")" * 60, "KG-125"),
        ("km^90", "KG-125"),
        ("L^20.6", "KG-125"),
        ("L^100", "KG-125"),
        ("(L^100)^0.5", "KG-125"),
        ("mg/fm^99.5", "KG-125"),
    ],
)
def test_wrong_units_are_named_errors(text: str, code: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_unit(text)
    assert caught.value.code == code


def test_a_misspelled_unit_gets_a_suggestion_and_a_mark() -> None:
    with pytest.raises(UnitError) as caught:
        parse_unit("mg/liitre")
    message = str(caught.value)
    assert "Did you mean" in message
    assert "\n  mg/liitre\n     ^^^^^^" in message


@pytest.mark.parametrize("what", [5, 5.0, None, ["mg"], b"mg"])
def test_what_is_no_unit_is_refused(what: Any) -> None:
    with pytest.raises(UnitError, match="KG-124"):
        parse_unit(what)


def test_quantities() -> None:
    assert parse_quantity("3.6 mg/kg") == Quantity(3.6, "mg/kg")
    assert parse_quantity("-1e-3h") == Quantity(-1e-3, "h")
    assert parse_quantity((5, "mg")) == Quantity(5.0, "mg")
    assert str(Quantity(2.0, "mg")) == "2 mg"
    assert Quantity(2.0, "h").internal == 7200.0
    assert Quantity(2.0, "h").to("min") == 120.0
    for wrong in ("mg", "5", 5, "", None):
        with pytest.raises(UnitError, match="KG-124"):
            parse_quantity(wrong)


@pytest.mark.parametrize(
    ("text", "base", "per", "per_factor", "per_time"),
    [
        ("mg", "mg", None, 1.0, None),
        ("mg/kg", "mg", "weight", 1.0, None),
        ("mg/g", "mg", "weight", 1e-3, None),
        ("mg/m2", "mg", "surface", 1.0, None),
        ("mg/m2/d", "mg", "surface", 1.0, "d"),
        ("ug/kg/min", "ug", "weight", 1.0, "min"),
        ("nmol", "nmol", None, 1.0, None),
        ("IU/kg", "IU", "weight", 1.0, None),
        ("MBq", "MBq", None, 1.0, None),
    ],
)
def test_dose_units(
    text: str, base: str, per: str | None, per_factor: float, per_time: str | None
) -> None:
    found = dose_unit(text)
    assert found is not None
    assert (found.base, found.per, found.per_time) == (base, per, per_time)
    assert found.per_factor == pytest.approx(per_factor, rel=1e-15)


@pytest.mark.parametrize("text", ["h", "mg/L", "mg^2", "1/kg", "mg/h/d", "2 mg", "mg/kg/m2"])
def test_other_units_are_no_doses(text: str) -> None:
    assert dose_unit(text) is None


def test_dimensions_are_described_in_words() -> None:
    assert units.describe("L/h") == "length^3 / time (volume flow (clearance))"
    assert units.describe("1") == "dimensionless"
    assert dimension("1/(nM s)") == dimension("L/nmol/s")


def test_pint_quantities_pass_both_ways() -> None:
    registry = units.registry()
    assert parse_unit(registry.Unit("mg/L")).exact == 1000
    assert parse_quantity(registry.Quantity(3.0, "hour")).to("min") == pytest.approx(180.0)
    back = units.to_pint(2.0, "mg/L")
    assert back.to("ug/mL").magnitude == pytest.approx(2.0)
    assert units.to_pint(1.0, "kDa").to("g/mol").magnitude == pytest.approx(1000.0)
    assert units.to_pint(1.0, "nM").to("mol/m^3").magnitude == pytest.approx(1e-6)


def test_a_unit_without_its_slash_is_guessed() -> None:
    with pytest.raises(UnitError, match=r"KG-120: 'mgkg' .* Did you mean 'mg/kg'"):
        parse_unit("mgkg")


def test_names_that_only_pint_knows_are_found() -> None:
    assert factor("inch") == pytest.approx(25400.0)
    assert factor("dyne") / factor("N") == pytest.approx(1e-5)


@example("%", "centimeter_H2Os")
@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_products_and_quotients_multiply_factors_and_add_dimensions(a: str, b: str) -> None:
    left, right = parse_unit(a), parse_unit(b)
    product, quotient = parse_unit(f"{a}*{b}"), parse_unit(f"{a}/{b}")
    assert product.exact == left.exact * right.exact
    assert product.dimension == left.dimension.times(right.dimension)
    assert quotient.exact == left.exact / right.exact
    assert quotient.dimension == left.dimension.over(right.dimension)


@given(
    st.floats(1e-6, 1e6),
    st.sampled_from(["s", "min", "h", "d", "week", "year"]),
    st.sampled_from(["s", "min", "h", "d", "week", "year"]),
)
def test_conversion_there_and_back(value: float, a: str, b: str) -> None:
    assert convert(convert(value, a, b), b, a) == pytest.approx(value, rel=4e-16)


def unit_or_code(text: str) -> units.Unit | str:
    """Return the parsed unit, or the code of the error that says why there is none."""
    try:
        return parse_unit(text)
    except UnitError as error:
        return error.code


@given(st.text(max_size=40))
def test_any_text_is_a_unit_or_a_named_error(text: str) -> None:
    parsed = unit_or_code(text)
    if isinstance(parsed, str):
        assert parsed in {"KG-120", "KG-125", "KG-127"}
    else:
        assert math.isfinite(parsed.factor)
        assert parsed.factor > 0.0


@given(st.text(alphabet="mghLdM/*^()-0123456789. \u00b2\u00b5", max_size=24))
def test_texts_that_look_like_units_read_back_or_are_named_errors(text: str) -> None:
    parsed = unit_or_code(text)
    if isinstance(parsed, str):
        assert parsed in {"KG-120", "KG-125", "KG-127"}
    else:
        assert parse_unit(parsed.text).exact == parsed.exact
