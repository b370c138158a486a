"""Covariate effects as factors, and individual parameters as rules.

SPDX-License-Identifier: BSD-3-Clause

An effect is a dimensionless expression that multiplies a typical value::

    individual("CL", "0.2 L/d", power("WT", "70 kg", 0.75), exponential("MALE", 0.1), eta="eta_CL")
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from krogh.errors import SpecError
from krogh.model.components import Parameter, Rule
from krogh.model.expression import Expression, Number, Symbol, as_expression, call
from krogh.model.fields import as_measure
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.units import Quantity

__all__ = ["categorical", "exponential", "individual", "linear", "power"]

Strength = float | str | Quantity | Expression
"""A number, a quantity with its unit (``"-0.035 L/g"``), or the name of a parameter."""


def _strength(value: Strength) -> Expression:
    """Return a number, a quantity or a parameter's name as an expression."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, str) and not value.strip().lstrip("+-")[:1].isdigit():
        return as_expression(value)
    quantity = as_measure(value, "the strength of an effect")
    number = Number(abs(quantity.value), quantity.unit or None)
    return -number if quantity.value < 0 else number


def power(covariate: str, reference: str | float, exponent: Strength) -> Expression:
    """Return ``(covariate/reference)^exponent``, such as ``(WT/70[kg])^0.75``.

    Parameters
    ----------
    covariate
        Name.
    reference
        Value with unit at which the effect is 1.
    exponent
        Number, or the name of a parameter.
    """
    return (Symbol(covariate) / _strength(reference)) ** _strength(exponent)


def exponential(covariate: str, coefficient: Strength, center: str | float = 0.0) -> Expression:
    """Return ``exp(coefficient*(covariate - center))``, a factor e^coefficient for a 0/1 covariate.

    Parameters
    ----------
    covariate
        Name.
    coefficient
        Number, quantity per unit of the covariate, or the name of a parameter.
    center
        Value at which the effect is 1; 0 for indicators.
    """
    return call("exp", _strength(coefficient) * _shifted(covariate, center))


def linear(covariate: str, slope: Strength, center: str | float = 0.0) -> Expression:
    """Return ``1 + slope*(covariate - center)``, a relative change per unit of the covariate.

    Parameters
    ----------
    covariate, center
        As in `exponential`.
    slope
        Number, quantity, or the name of a parameter.
    """
    return 1 + _strength(slope) * _shifted(covariate, center)


def categorical(covariate: str, factors: Mapping[float, Strength]) -> Expression:
    """Return the factor of the covariate's category.

    Parameters
    ----------
    covariate
        Name of a covariate whose values are the numbers of its categories.
    factors
        Factor by number, for example ``{0: 1, 1: "CL_MALE"}``; other numbers take the factor of
        the largest number below them.

    Raises
    ------
    SpecError
        KG-101 for fewer than two categories.
    """
    if len(factors) < 2:
        raise SpecError("KG-101: a categorical effect needs factors of two or more categories.")
    numbers = sorted(factors)
    result = _strength(factors[numbers[0]])
    for low, high in pairwise(numbers):
        middle = (low + high) / 2
        bound: Expression = Number(middle) if middle >= 0 else -Number(-middle)
        result = call("if", Symbol(covariate) > bound, _strength(factors[high]), result)
    return result


def _shifted(covariate: str, center: str | float) -> Expression:
    if isinstance(center, int | float) and center == 0:
        return Symbol(covariate)
    return Symbol(covariate) - _strength(center)


def individual(
    name: str,
    typical: Value,
    *effects: str | Expression,
    eta: str = "",
    kappa: str = "",
    scale: Literal["log", "logit", "additive"] = "log",
    unit: str = "",
) -> Model:
    """Return the typical value as the parameter ``<name>_pop`` and the individual value as a rule.

    ::

        log:      name = name_pop * effects * exp(eta + kappa)
        logit:    name = expit(logit(name_pop * effects) + eta + kappa)      for fractions
        additive: name = name_pop * effects + eta + kappa                    dimensionless only

    Parameters
    ----------
    name
        Of the individual parameter.
    typical
        Typical value with unit, or None to leave ``<name>_pop`` open.
    *effects
        Dimensionless factors.
    eta, kappa
        Random effects of subject and occasion, declared by `variability`.
    scale
        On which scale the random effects add.
    unit
        Unit of the rule, checked; left out, it is that of the typical value.

    Raises
    ------
    SpecError
        KG-108 for another scale.
    UnitError
        KG-121, with the complete model, for effects that are not dimensionless.
    """
    block = Block(f"individual {name}")
    block.choice(scale, ("log", "logit", "additive"), "the scale")
    pop = f"{name}_pop"
    shown: str | None = unit or None
    if typical is not None:
        if isinstance(typical, Parameter):
            block.add(typical.changed(name=pop))
            shown = unit or typical.unit
        elif isinstance(typical, Expression):
            block.add(Rule(pop, typical))
        else:
            value = as_measure(typical, f"the typical value of {name}")
            positive = scale == "log" and value.unit and value.value >= 0
            block.add(Parameter(pop, value, lower=0 if positive else None))
            shown = unit or value.unit
    law: Expression = Symbol(pop)
    for effect in effects:
        law = law * as_expression(effect)
    random = [Symbol(n) for n in (eta, kappa) if n]
    if random:
        shift: Expression = random[0] if len(random) == 1 else random[0] + random[1]
        if scale == "log":
            law = law * call("exp", shift)
        elif scale == "logit":
            law = call("expit", call("logit", law) + shift)
        else:
            law = law + shift
    block.add(Rule(name, law, unit=shown))
    return block.model()
