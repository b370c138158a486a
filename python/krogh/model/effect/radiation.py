"""Radiation: linear-quadratic kill with incomplete repair, dose rate, oxygen and repopulation.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Literal

from krogh.errors import SpecError
from krogh.model.components import DoseInput, Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["oxygen_enhancement", "radiation"]


def radiation(
    given: Literal["fractions", "rate", "decaying"] = "fractions",
    *,
    dose_rate: Signal | None = None,
    sensitivity: Signal | None = None,
    repopulation: bool = False,
    label: str = "",
    alpha: Value = None,
    beta: Value = None,
    mu: Value = None,
    kdecay: Value = None,
    Td: Value = None,
    Tk: Value = None,
) -> Model:
    r"""Return survival by the linear-quadratic law with repair of sublethal damage.

    .. math:: -\ln S = \alpha D + \beta G D^2, \qquad
              G D^2 = 2\int_0^t R(v) \int_0^v R(u) e^{-\mu (v - u)} du\, dv

    with the dose rate :math:`R`, the dose :math:`D` and the factor :math:`G` of Lea & Catcheside
    (1942), which is 1 for an acute dose.  With the damage not yet repaired,
    :math:`\dot U = R - \mu U`, the double integral is :math:`2\int R U dt`, or, free of the dose
    rate,

    .. math:: G D^2 = U^2 + 2\mu \int_0^t U^2 dv,

    which holds for doses given at once too.  States: ``absorbed`` (D), ``repaired`` (D - U) and
    ``quadratic_repaired`` (the integral); rules: ``unrepaired`` (U), ``quadratic`` (:math:`G D^2`),
    ``BED`` (:math:`D + G D^2/(\alpha/\beta)`, no repopulation) and ``survival``.

    Dose rate and repair: Dale 1985, doi 10.1259/0007-1285-58-690-515.  BED and repopulation, which
    multiplies survival by :math:`2^{(t - T_k)/T_d}` from :math:`T_k` on: Fowler 1989, doi
    10.1259/0007-1285-62-740-679.

    Parameters
    ----------
    given
        ``"fractions"``: doses in Gy, at once or over a time, go into ``absorbed``; in sentences
        for several drugs their name is ``radiation`` (or the label): ``"radiation 2 Gy daily x
        5"``.  ``"rate"``: `dose_rate` is an expression in Gy/time, for example an activity
        times an S value.  ``"decaying"``: doses go into ``source``, which delivers them at
        ``kdecay*source``; an implant, or with a large kdecay fractions whose rate of kill is
        needed.
    dose_rate
        For ``"rate"``.
    sensitivity
        Dimensionless factor of the dose, such as the rule of `oxygen_enhancement`; not for
        fractions, where it would have to act at one instant.
    repopulation
        Whether survivors repopulate with `Td` from `Tk` on.
    label
        Put behind every name.
    alpha, beta
        Coefficients, 1/Gy and 1/Gy^2.
    mu
        Rate constant of repair, 1/time; log(2) over the half-time of repair.
    kdecay
        Rate constant of the source, 1/time.
    Td, Tk
        Doubling time of survivors, and the time at which repopulation starts.

    Raises
    ------
    SpecError
        KG-108 for another way of giving; KG-112 for what it does not use; KG-101 for a rate that
        is missing.
    UnitError
        KG-121 for a value of another dimension.

    Notes
    -----
    With a rate or a decaying source the rule ``radiation_kill`` :math:`= R(\alpha + 2\beta U)` is
    the rate of kill per cell, for `krogh.model.effect.cell_kill`.
    """
    block = Block("radiation", label, "linear-quadratic radiation [dale_1985] [fowler_1989]")
    block.choice(given, ("fractions", "rate", "decaying"), "the way of giving")
    block.parameter("alpha", alpha, "1/Gy", "linear coefficient of kill")
    block.parameter("beta", beta, "1/Gy^2", "quadratic coefficient of kill")
    block.parameter("mu", mu, "1/h", "repair of sublethal damage")
    block.add(
        Species(block.name("absorbed"), "Gy", initial="0", note=block.note),
        Species(block.name("repaired"), "Gy", initial="0"),
        Species(block.name("quadratic_repaired"), "Gy^2", initial="0"),
        Rule(block.name("unrepaired"), block.text("{absorbed} - {repaired}")),
        Rate(block.name("repaired"), block.text("{mu}*{unrepaired}"), name="repair"),
        Rate(block.name("quadratic_repaired"), block.text("2*{mu}*{unrepaired}^2"), name="repair"),
        Rule(block.name("quadratic"), block.text("{unrepaired}^2 + {quadratic_repaired}")),
        Rule(block.name("BED"), block.text("{absorbed} + {beta}/{alpha}*{quadratic}")),
        Output(block.name("BED"), block.name("BED"), unit="Gy"),
    )
    _delivery(block, given, dose_rate, sensitivity, kdecay)
    law = "-{alpha}*{absorbed} - {beta}*{quadratic}"
    if repopulation:
        block.parameter("Td", Td, "d", "doubling time of survivors")
        block.parameter("Tk", Tk, "d", "start of repopulation")
        law += " + if(t > {Tk}, log(2)*(t - {Tk})/{Td}, 0)"
    else:
        refuse({"Td": Td, "Tk": Tk}, "radiation without repopulation")
    block.add(
        Rule(block.name("log_survival"), block.text(law)),
        Rule(block.name("survival"), block.text("exp({log_survival})")),
        Output(block.name("survival"), block.name("survival"), unit=""),
        Output(block.name("log_survival"), block.name("log_survival"), unit=""),
    )
    return block.model()


def _delivery(
    block: Block,
    given: str,
    dose_rate: Signal | None,
    sensitivity: Signal | None,
    kdecay: Value,
) -> None:
    """Add how the dose arrives in ``absorbed``."""
    where = f"radiation by {given}"
    if given != "rate":
        refuse({"dose_rate": dose_rate}, where)
    if given != "decaying":
        refuse({"kdecay": kdecay}, where)
    if given == "fractions":
        refuse({"sensitivity": sensitivity}, where)
        block.add(DoseInput(block.name("absorbed"), drug=block.drug or "radiation"))
        return
    if given == "rate":
        if dose_rate is None:
            raise SpecError("KG-101: radiation by rate needs the expression 'dose_rate'.")
        rate = written(dose_rate)
    else:
        block.parameter("kdecay", kdecay, "1/h", "decay of the source")
        source = block.name("source")
        rate = block.text(f"{{kdecay}}*{source}")
        block.add(
            Species(source, "Gy", initial="0"),
            DoseInput(source, drug=block.drug or "radiation"),
            Rate(source, f"-{rate}", name="decay"),
        )
    if sensitivity is not None:
        rate = f"{written(sensitivity)}*{rate}"
    block.add(
        Rule(block.name("dose_rate"), rate, unit="Gy/h"),
        Rate(block.name("absorbed"), block.name("dose_rate"), name="delivery"),
        Rule(
            block.name("radiation_kill"),
            block.text("{dose_rate}*({alpha} + 2*{beta}*{unrepaired})"),
        ),
    )


def oxygen_enhancement(
    oxygen: Signal = "pO2",
    *,
    oxygen_unit: str = "mmHg",
    label: str = "",
    OER: Value = None,
    K_OER: Value = None,
) -> Model:
    """Return the sensitivity to radiation by oxygen, relative to full oxygenation.

    ::

        radiosensitivity = (OER*p + K_OER)/(OER*(p + K_OER))

    1/OER without oxygen, 1 in plenty; it multiplies the dose.  Alper & Howard-Flanders 1956, Nature
    178:978-979.

    Parameters
    ----------
    oxygen, oxygen_unit
        Partial pressure where the cells are.
    label
        Put behind every name.
    OER
        Largest oxygen enhancement ratio.
    K_OER
        Oxygen at which the sensitivity is half way between its extremes.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("oxygen enhancement", label, "oxygen enhancement [alper_howardflanders_1956]")
    block.parameter("OER", OER, "", "largest oxygen enhancement ratio")
    block.parameter("K_OER", K_OER, oxygen_unit, "oxygen half way between the extremes")
    p = written(oxygen)
    law = block.text(f"({{OER}}*{p} + {{K_OER}})/({{OER}}*({p} + {{K_OER}}))")
    block.add(Rule(block.name("radiosensitivity"), law, note=block.note))
    return block.model()
