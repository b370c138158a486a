"""Absorption: first order, zero order, transit, inverse Gaussian, Weibull; lag and bioavailability.

SPDX-License-Identifier: BSD-3-Clause

Doses go into the species ``depot``, or straight into ``central`` for input functions without a
depot; then an intravenous dose cannot (``compartments(intravenous=False)``).  Bioavailability F1
and lag ALAG1 act on the dose, with NONMEM's meaning.
"""

from __future__ import annotations

from typing import Any, Literal

from krogh.errors import SpecError
from krogh.model.components import DoseInput, Rate, Rule, Species
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = [
    "first_order_absorption",
    "inverse_gaussian_absorption",
    "parallel_absorption",
    "transit_absorption",
    "weibull_absorption",
    "zero_order_absorption",
]


def _attributes(
    block: Block, bioavailability: bool, lag: bool, F1: Value, ALAG1: Value
) -> dict[str, Any]:
    """Return the dose attributes that apply and define their parameters."""
    attributes: dict[str, Any] = {}
    if bioavailability or F1 is not None:
        attributes["bioavailability"] = block.parameter("F1", F1, "", "bioavailability")
    if lag or ALAG1 is not None:
        attributes["lag"] = block.parameter("ALAG1", ALAG1, "h", "lag time of absorption")
    return attributes


def _depot(block: Block, amount: str, molar_mass: str | None) -> str:
    """Add a depot that empties into `central` with KA, and return its name."""
    depot = block.name("depot")
    block.add(
        Species(depot, amount, molar_mass=molar_mass, note=block.note),
        Rate(depot, block.text("-{KA}*{depot}"), name="absorption"),
        Rate(block.name("central"), block.text("{KA}*{depot}"), name=f"absorption_from_{depot}"),
    )
    return depot


def first_order_absorption(
    *,
    amount: str = "mg",
    molar_mass: str | None = None,
    bioavailability: bool = False,
    lag: bool = False,
    route: str = "oral",
    drug: str = "",
    KA: Value = None,
    F1: Value = None,
    ALAG1: Value = None,
) -> Model:
    """Return absorption from a depot: ``d(depot)/dt = -KA*depot``, ``d(central)/dt = KA*depot``.

    Parameters
    ----------
    amount
        Unit of the depot; that of `compartments`.
    molar_mass
        Name of the parameter with the molar mass, for doses in mg into molar states.
    bioavailability, lag
        Whether F1 and ALAG1 apply (also when their values are given).
    route
        ``"oral"``, ``"sc"``, ... for dosing sentences.
    drug
        Put behind every name.
    KA
        Absorption rate constant, 1/time.
    F1
        Fraction absorbed.
    ALAG1
        Lag time.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("first-order absorption", drug)
    block.parameter("KA", KA, "1/h", "absorption rate constant")
    depot = _depot(block, amount, molar_mass)
    attributes = _attributes(block, bioavailability, lag, F1, ALAG1)
    block.add(DoseInput(depot, route=route, drug=drug, **attributes))
    return block.model()


def zero_order_absorption(
    *,
    amount: str = "mg",
    molar_mass: str | None = None,
    depot: bool = False,
    by_record: bool = False,
    bioavailability: bool = False,
    lag: bool = False,
    route: str = "oral",
    drug: str = "",
    D1: Value = None,
    KA: Value = None,
    F1: Value = None,
    ALAG1: Value = None,
) -> Model:
    """Return absorption at a constant rate over the time D1.

    Without `depot` the dose enters ``central`` (use ``compartments(intravenous=False)``); with it
    the dose enters the depot over D1 and leaves it with KA: zero order followed by first order.

    Parameters
    ----------
    amount, molar_mass, bioavailability, lag, route, drug, KA, F1, ALAG1
        As in `first_order_absorption`.
    depot
        Whether a depot follows.
    by_record
        D1 acts on dose records with ``RATE = -2`` alone, as in NONMEM, which permits steady states
        and exact propagators; other doses are then given as their records say.  Otherwise every
        dose is spread over D1.
    D1
        Duration of the input.

    Raises
    ------
    SpecError
        KG-112 for KA without a depot.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("zero-order absorption", drug)
    duration = block.parameter("D1", D1, "h", "duration of the zero-order input")
    attributes = _attributes(block, bioavailability, lag, F1, ALAG1)
    if by_record:
        target = _target(block, depot, amount, molar_mass, KA)
        block.add(DoseInput(target, route=route, drug=drug, duration=duration, **attributes))
        return block.model()
    law = "if(tad < {D1}, dose/{D1}, 0*dose/{D1})"
    return _input(block, law, depot, amount, molar_mass, KA, route, attributes)


def parallel_absorption(
    second: Literal["first_order", "zero_order"] = "first_order",
    *,
    bioavailability: bool = False,
    lag: bool = False,
    route: str = "oral",
    drug: str = "",
    KA: Value = None,
    fraction: Value = None,
    KA2: Value = None,
    D2: Value = None,
    ALAG2: Value = None,
    F1: Value = None,
    ALAG1: Value = None,
) -> Model:
    """Return two absorptions side by side: first order, and first or zero order after a lag.

    A dose D enters ``central`` (use ``compartments(intravenous=False)``) at the rate::

        F1*D*fraction*KA*exp(-KA*tad)
        + F1*D*(1 - fraction)*KA2*exp(-KA2*(tad - ALAG2))   for tad > ALAG2           (first order)
        + F1*D*(1 - fraction)/D2                             for ALAG2 < tad < ALAG2 + D2    (zero)

    Parameters
    ----------
    second
        Kind of the second path.
    bioavailability, lag, route, drug, F1, ALAG1
        As in `first_order_absorption`; ALAG1 delays both paths.
    KA
        Rate constant of the first path, 1/time.
    fraction
        Share of the first path.
    KA2, D2
        Rate constant or duration of the second path.
    ALAG2
        Lag of the second path.

    Raises
    ------
    SpecError
        KG-108 for another kind; KG-112 for a parameter of the other kind.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("parallel absorption", drug)
    block.choice(second, ("first_order", "zero_order"), "the second path")
    if (D2 if second == "first_order" else KA2) is not None:
        unused = "D2" if second == "first_order" else "KA2"
        raise SpecError(f"KG-112: {unused!r} has no meaning for a {second} second path.")
    block.parameter("KA", KA, "1/h", "rate constant of the first path")
    block.parameter("fraction", fraction, "", "share of the first path")
    block.parameter("ALAG2", ALAG2, "h", "lag of the second path")
    first = "dose*{fraction}*{KA}*exp(-{KA}*tad)"
    if second == "first_order":
        block.parameter("KA2", KA2, "1/h", "rate constant of the second path")
        late = "dose*(1 - {fraction})*{KA2}*exp(-{KA2}*(tad - {ALAG2}))"
        condition = "tad > {ALAG2}"
    else:
        block.parameter("D2", D2, "h", "duration of the second path")
        late = "dose*(1 - {fraction})/{D2}"
        condition = "tad > {ALAG2} and tad < {ALAG2} + {D2}"
    law = f"{first} + if({condition}, {late}, 0*{first})"
    attributes = _attributes(block, bioavailability, lag, F1, ALAG1)
    return _input(block, law, False, "mg", None, None, route, attributes)


def _target(block: Block, depot: bool, amount: str, molar_mass: str | None, KA: Value) -> str:
    """Return the species that a dose enters: a new depot, or `central`."""
    if KA is not None and not depot:
        raise SpecError("KG-112: 'KA' needs depot=True: there is no depot otherwise.")
    if not depot:
        return block.name("central")
    block.parameter("KA", KA, "1/h", "absorption rate constant")
    return _depot(block, amount, molar_mass)


def _input(
    block: Block,
    law: str,
    depot: bool,
    amount: str,
    molar_mass: str | None,
    KA: Value,
    route: str,
    attributes: dict[str, Any],
) -> Model:
    """Finish a block whose dose arrives by an input function."""
    block.add(
        DoseInput(
            _target(block, depot, amount, molar_mass, KA),
            route=route,
            drug=block.drug,
            input_function=block.text(law),
            note=block.note,
            **attributes,
        )
    )
    return block.model()


def transit_absorption(
    *,
    amount: str = "mg",
    molar_mass: str | None = None,
    depot: bool = True,
    bioavailability: bool = False,
    lag: bool = False,
    route: str = "oral",
    drug: str = "",
    MTT: Value = None,
    NN: Value = None,
    KA: Value = None,
    F1: Value = None,
    ALAG1: Value = None,
) -> Model:
    """Return absorption through NN transit compartments, NN any positive number (Savic 2007).

    A dose D enters the depot at the rate, with the exact gamma function::

        F1*D*ktr*(ktr*tad)^NN*exp(-ktr*tad)/Gamma(NN + 1),     ktr = (NN + 1)/MTT

    Several doses add up.  Without `depot` the rate goes into ``central`` directly (use
    ``compartments(intravenous=False)``).

    Parameters
    ----------
    amount, molar_mass, bioavailability, lag, route, drug, KA, F1, ALAG1
        As in `first_order_absorption`.
    depot
        Whether a depot with KA follows the chain.
    MTT
        Mean transit time.
    NN
        Number of transit compartments, need not be whole.

    Raises
    ------
    SpecError
        KG-112 for KA without a depot.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("transit absorption", drug, "transit absorption [savic_2007]")
    block.parameter("MTT", MTT, "h", "mean transit time")
    block.parameter("NN", NN, "", "number of transit compartments")
    block.add(Rule(block.name("ktr"), block.text("({NN} + 1)/{MTT}")))
    law = "dose*{ktr}*exp({NN}*log({ktr}*tad) - {ktr}*tad - lgamma({NN} + 1))"
    attributes = _attributes(block, bioavailability, lag, F1, ALAG1)
    return _input(block, law, depot, amount, molar_mass, KA, route, attributes)


def inverse_gaussian_absorption(
    *,
    amount: str = "mg",
    molar_mass: str | None = None,
    depot: bool = False,
    bioavailability: bool = False,
    lag: bool = False,
    route: str = "oral",
    drug: str = "",
    MAT: Value = None,
    CV2: Value = None,
    KA: Value = None,
    F1: Value = None,
    ALAG1: Value = None,
) -> Model:
    """Return absorption with the density of an inverse Gaussian time (Weiss 1996).

    A dose D enters at the rate::

        F1*D*sqrt(MAT/(2*pi*CV2*tad^3))*exp(-(tad - MAT)^2/(2*CV2*MAT*tad))

    whose mean is MAT and whose relative variance is CV2.

    Parameters
    ----------
    amount, molar_mass, depot, bioavailability, lag, route, drug, KA, F1, ALAG1
        As in `transit_absorption`.
    MAT
        Mean absorption time.
    CV2
        Variance of the absorption time over the square of its mean.

    Raises
    ------
    SpecError
        KG-112 for KA without a depot.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("inverse Gaussian absorption", drug, "inverse Gaussian absorption [weiss_1996]")
    block.parameter("MAT", MAT, "h", "mean absorption time")
    block.parameter("CV2", CV2, "", "relative variance of the absorption time")
    law = (
        "dose*sqrt({MAT}/(2*pi*{CV2}*tad))/tad"
        "*exp(-(tad - {MAT})*(tad - {MAT})/(2*{CV2}*{MAT}*tad))"
    )
    attributes = _attributes(block, bioavailability, lag, F1, ALAG1)
    return _input(block, law, depot, amount, molar_mass, KA, route, attributes)


def weibull_absorption(
    *,
    amount: str = "mg",
    molar_mass: str | None = None,
    depot: bool = False,
    bioavailability: bool = False,
    lag: bool = False,
    route: str = "oral",
    drug: str = "",
    TDW: Value = None,
    beta: Value = None,
    KA: Value = None,
    F1: Value = None,
    ALAG1: Value = None,
) -> Model:
    """Return absorption of which the fraction ``1 - exp(-(tad/TDW)^beta)`` is complete at `tad`.

    The Weibull function of dissolution (Langenbucher 1972) as input::

        F1*D*(beta/TDW)*(tad/TDW)^(beta - 1)*exp(-(tad/TDW)^beta)

    Parameters
    ----------
    amount, molar_mass, depot, bioavailability, lag, route, drug, KA, F1, ALAG1
        As in `transit_absorption`.
    TDW
        Time at which 63.2 % have been absorbed.
    beta
        Shape; 1 is first order, 2 and more are sigmoid.

    Raises
    ------
    SpecError
        KG-112 for KA without a depot.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("Weibull absorption", drug, "Weibull absorption [langenbucher_1972]")
    block.parameter("TDW", TDW, "h", "time of 63.2 % absorption")
    block.parameter("beta", beta, "", "shape of the Weibull function")
    law = "dose*{beta}/{TDW}*exp(({beta} - 1)*log(tad/{TDW}) - exp({beta}*log(tad/{TDW})))"
    attributes = _attributes(block, bioavailability, lag, F1, ALAG1)
    return _input(block, law, depot, amount, molar_mass, KA, route, attributes)
