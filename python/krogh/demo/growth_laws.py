"""The growth laws that the demo can fit to the erlotinib xenografts.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from krogh.errors import SpecError, did_you_mean
from krogh.model import Model, Parameter, effect
from krogh.model.effect.growth import Law

__all__ = ["LAWS", "GrowthLaw", "growth_law"]

Values = Mapping[str, float]

_START: Final = "0.15 cm^3"
_FIRST: Final = "first value of a search"


@dataclass(frozen=True)
class GrowthLaw:
    """A law of growth and kill, and when growth and kill balance.

    Attributes
    ----------
    name, title
        As it is chosen, and in words.
    estimated
        Parameters shared by all animals.
    start
        Parameter of the volume at the start, one for each animal.
    build
        Makes the model; its first values are those that searches begin at.
    growth
        Rate of growth, 1/d, of a tumor of a size, cm^3, from the values in the units of the model.
    potency
        Rate of kill over concentration, L/mg/d, from the values.
    is_bounded
        Whether the rate of growth of a vanishing tumor is finite; it is then the largest one.
    remark
        What else the reader of the dose should know, a sentence.
    """

    name: str
    title: str
    estimated: tuple[str, ...]
    start: str
    build: Callable[[], Model]
    growth: Callable[[Values, float], float]
    potency: Callable[[Values], float]
    is_bounded: bool = True
    remark: str = ""


def _koch() -> Model:
    return effect.koch(
        "Cp",
        number=0,
        w0=_START,
        lambda0="0.05 1/d",
        lambda1="0.2 cm^3/d",
        k2="0.15 L/mg/d",
    )


def _simeoni() -> Model:
    return effect.simeoni(
        "Cp",
        driver_unit="mg/L",
        unit="cm^3",
        w0=_START,
        lambda0="0.1 1/d",
        lambda1="0.05 cm^3/d",
        k1="2 1/d",
        k2="0.15 L/mg/d",
    )


def _claret() -> Model:
    return effect.claret(
        "Cp",
        exposure_unit="mg/L",
        unit="cm^3",
        size0=_START,
        KL="0.1 1/d",
        KD="0.15 L/mg/d",
        lambda_r="0.05 1/d",
    )


def _with_kill(law: Law, **values: str) -> Model:
    """Return a growth law of `krogh.model.effect` with a kill that is linear in concentration."""
    return Model(
        law,
        effect.growth(law, start=_START, **values),
        Parameter("k2", "0.15 L/mg/d", lower="0 L/mg/d", source=_FIRST, note="potency"),
        effect.cell_kill("k2*Cp", 0),
        partial=True,
    )


LAWS: Final[Mapping[str, GrowthLaw]] = {
    law.name: law
    for law in (
        GrowthLaw(
            name="koch",
            title="Koch 2009 without transit: exponential, then linear growth",
            estimated=("lambda0", "lambda1", "k2"),
            start="w0",
            build=_koch,
            growth=lambda v, w: (
                2.0 * v["lambda0"] * v["lambda1"] / (v["lambda1"] + 2.0 * v["lambda0"] * w)
            ),
            potency=lambda v: v["k2"],
        ),
        GrowthLaw(
            name="simeoni",
            title="Simeoni 2004: a sharp switch, damaged cells in three stages",
            estimated=("lambda0", "lambda1", "k1", "k2"),
            start="w0",
            build=_simeoni,
            growth=lambda v, w: _switched(v["lambda0"], v["lambda1"], w),
            potency=lambda v: v["k2"],
            remark="There the cycling cells stand still; the damaged ones follow.",
        ),
        GrowthLaw(
            name="linear-exponential",
            title="exponential growth with a sharp switch to linear growth",
            estimated=("kg", "kg_linear", "k2"),
            start="tumor_start",
            build=lambda: _with_kill("linear-exponential", kg="0.1 1/d", kg_linear="0.05 cm^3/d"),
            growth=lambda v, w: _switched(v["kg"], v["kg_linear"], w),
            potency=lambda v: v["k2"],
        ),
        GrowthLaw(
            name="exponential",
            title="exponential growth",
            estimated=("kg", "k2"),
            start="tumor_start",
            build=lambda: _with_kill("exponential", kg="0.1 1/d"),
            growth=lambda v, w: v["kg"],
            potency=lambda v: v["k2"],
        ),
        GrowthLaw(
            name="logistic",
            title="logistic growth",
            estimated=("kg", "capacity", "k2"),
            start="tumor_start",
            build=lambda: _with_kill("logistic", kg="0.1 1/d", capacity="5 cm^3"),
            growth=lambda v, w: v["kg"] * (1.0 - w / v["capacity"]),
            potency=lambda v: v["k2"],
        ),
        GrowthLaw(
            name="gompertz",
            title="Gompertz growth",
            estimated=("kg", "capacity", "k2"),
            start="tumor_start",
            build=lambda: _with_kill("gompertz", kg="0.02 1/d", capacity="5 cm^3"),
            growth=lambda v, w: v["kg"] * math.log(v["capacity"] / w),
            potency=lambda v: v["k2"],
            is_bounded=False,
        ),
        GrowthLaw(
            name="claret",
            title="Claret 2009: exponential growth, an effect that wanes",
            estimated=("KL", "KD", "lambda_r"),
            start="size0",
            build=_claret,
            growth=lambda v, w: v["KL"],
            potency=lambda v: v["KD"],
            remark="That is before resistance: in this law the effect wanes from day 0 on.",
        ),
    )
}
"""Laws by name; the first is the one used unless another is asked for."""


def _switched(rate: float, linear: float, size: float, psi: float = 20.0) -> float:
    """Return Simeoni's rate of growth (2004, doi 10.1158/0008-5472.CAN-03-2524, Equation 5)."""
    return float(rate / (1.0 + (rate * size / linear) ** psi) ** (1.0 / psi))


def growth_law(name: str) -> GrowthLaw:
    """Return a growth law by name.

    Raises
    ------
    SpecError
        KG-132 for an unknown name.
    """
    if name not in LAWS:
        raise SpecError(
            f"KG-132: no growth law {name!r}.{did_you_mean(name, LAWS)}"
            f"  There are: {', '.join(LAWS)}."
        )
    return LAWS[name]
