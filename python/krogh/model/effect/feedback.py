"""Feedback of a response on parameters: vessels, receptors, clearance.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import Rule
from krogh.model.effect.signal import Signal, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["relative_to_start", "scaled_parameter"]


def scaled_parameter(
    name: str, *factors: Signal, unit: str, at_rest: Value = None, label: str = ""
) -> Model:
    """Return a parameter that follows the response: ``name = name_rest*factor1*factor2 ...``.

    The rule takes the place of the parameter in every block that uses its name: vessel density or
    permeability times the size of the tumor, ``ksyn`` of a receptor times a signal, ``CL`` times
    the antigen burden.  A factor is dimensionless and 1 where the response is at rest, for example
    ``"(tumor/tumor_start)^-0.5"`` or a rule of `emax` with ``form="fraction"``.

    Parameters
    ----------
    name
        The parameter that the other blocks use.
    *factors
        At least one.
    unit
        A unit of the parameter's dimension; empty for dimensionless.
    at_rest
        Its value where all factors are 1; the name ``<name>_rest``.
    label
        Put behind every name.

    Raises
    ------
    SpecError
        KG-101 without a factor.
    UnitError
        KG-121 for a value of another dimension.
    """
    if not factors:
        raise SpecError(f"KG-101: scaled_parameter({name!r}) needs at least one factor.")
    block = Block(f"feedback on {name}", label, "feedback of the response on a parameter")
    block.parameter(f"{name}_rest", at_rest, unit, f"{name} without the response")
    law = "*".join([f"{{{name}_rest}}", *map(written, factors)])
    block.add(Rule(block.name(name), block.text(law), unit=unit or None, note=block.note))
    return block.model()


def relative_to_start(
    quantity: str, *, unit: str, exponent: Value = 1.0, at_start: Value = None, label: str = ""
) -> Model:
    """Return the factor ``relative_<quantity> = (quantity/<quantity>_start)^exponent``.

    With exponents between 0 and 1 it ties surfaces and supply to volume: 2/3 for a surface,
    0 for no dependence.

    Parameters
    ----------
    quantity
        Name of the state or rule; it has to stay positive.
    unit
        A unit of its dimension.
    exponent
        Dimensionless; the name ``exponent_<quantity>``.
    at_start
        Value at which the factor is 1; the name ``<quantity>_start``, which `growth` defines for
        its state (leave it out here then).
    label
        Put behind every name but the quantity's.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block(f"{quantity} relative to its start", label)
    block.parameter(f"exponent_{quantity}", exponent, "", "exponent of the dependence")
    block.parameter(f"{quantity}_start", at_start, unit, f"{quantity} with the factor 1")
    law = f"({quantity}/{{{quantity}_start}})^{{exponent_{quantity}}}"
    block.add(Rule(block.name(f"relative_{quantity}"), block.text(law)))
    return block.model()
