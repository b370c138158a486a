"""One to three compartments: volumes, distribution, and the plasma concentration.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Literal

from krogh.errors import SpecError
from krogh.model.components import DoseInput, Output, Rate, Rule, Species
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.units import dimension

__all__ = ["compartments"]

_PERIPHERAL = (("peripheral", "Q", "V2", "k12", "k21"), ("peripheral2", "Q3", "V3", "k13", "k31"))


def compartments(
    number: int = 1,
    *,
    form: Literal["clearance", "micro"] = "clearance",
    amount: str = "mg",
    output_unit: str | None = None,
    molar_mass: str | None = None,
    total: bool = False,
    intravenous: bool = True,
    drug: str = "",
    V1: Value = None,
    Q: Value = None,
    V2: Value = None,
    Q3: Value = None,
    V3: Value = None,
    k12: Value = None,
    k21: Value = None,
    k13: Value = None,
    k31: Value = None,
) -> Model:
    r"""Return the volumes and the distribution of a mammillary model, without elimination.

    With amounts :math:`A` and the free plasma concentration ``Cp``::

        Cp = central/V1
        d(central)/dt    = - Q*Cp + Q*peripheral/V2  - Q3*Cp + Q3*peripheral2/V3
        d(peripheral)/dt =   Q*Cp - Q*peripheral/V2

    With ``form="micro"`` the exchange is ``k12*Cp*V1 - k21*peripheral`` (and ``k13``, ``k31``);
    ``Q = k12*V1``, ``V2 = V1*k12/k21``.  Linear compartment models: Gibaldi & Perrier 1982.

    Parameters
    ----------
    number
        1, 2 or 3 compartments.
    form
        Clearance and volumes, or rate constants.
    amount
        Unit of the states: a mass (``"mg"``) or an amount (``"nmol"``).
    output_unit
        Unit of the output ``Cp``; mg/L for a mass, nM for an amount if left out.
    molar_mass
        Name of the parameter with the molar mass, so that mg can be dosed into molar states.
    total
        The state ``central`` holds free and target-bound drug; ``Cp_total = central/V1`` is defined
        and a target block defines ``Cp``.
    intravenous
        Whether doses may go into ``central``; not together with an input function into it.
    drug
        Put behind every name.
    V1, V2, V3
        Volumes, dimension length^3 (L).
    Q, Q3
        Distribution clearances, length^3/time (L/d).
    k12, k21, k13, k31
        Rate constants, 1/time, with ``form="micro"``.

    Raises
    ------
    SpecError
        KG-108 for another number or form; KG-112 for a parameter that the chosen form does not use.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("compartments", drug, "linear compartments [gibaldi_perrier_1982]")
    block.choice(number, (1, 2, 3), "the number of compartments")
    block.choice(form, ("clearance", "micro"), "the form")
    unit = output_unit or _concentration(amount)
    central = block.name("central")
    block.add(Species(central, amount, molar_mass=molar_mass, note=block.note))
    block.parameter("V1", V1, "L", "volume of the central compartment")
    concentration = "Cp_total" if total else "Cp"
    block.add(
        Rule(block.name(concentration), block.text("{central}/{V1}")),
        Output(block.name(concentration), block.name(concentration), unit=unit),
    )
    if total:
        block.add(Output(block.name("Cp"), block.name("Cp"), unit=unit))
    if intravenous:
        block.add(DoseInput(central, route="iv", drug=drug))
    values = {"Q": Q, "V2": V2, "Q3": Q3, "V3": V3}
    values |= {"k12": k12, "k21": k21, "k13": k13, "k31": k31}
    used: set[str] = set()
    for state, q, v, out, back in _PERIPHERAL[: number - 1]:
        if form == "clearance":
            used |= {q, v}
            block.parameter(q, values[q], "L/d", f"distribution clearance to {state}")
            block.parameter(v, values[v], "L", f"volume of {state}")
            law = f"{{{q}}}*{{Cp}} - {{{q}}}*{{{state}}}/{{{v}}}"
        else:
            used |= {out, back}
            block.parameter(out, values[out], "1/d", f"rate constant from central to {state}")
            block.parameter(back, values[back], "1/d", f"rate constant from {state} to central")
            law = f"{{{out}}}*{{Cp}}*{{V1}} - {{{back}}}*{{{state}}}"
        flow = block.text(law)
        peripheral = block.name(state)
        block.add(
            Species(peripheral, amount),
            Rate(central, f"-({flow})", name=f"to_{peripheral}"),
            Rate(peripheral, flow, name=f"from_{central}"),
        )
    unused = sorted(n for n, given in values.items() if given is not None and n not in used)
    if unused:
        raise SpecError(
            f"KG-112: {unused[0]!r} has no meaning for {number} compartment(s) in the {form} form,"
            f" which uses {', '.join(['V1', *sorted(used)])}."
        )
    return block.model()


def _concentration(amount: str) -> str:
    return "mg/L" if dimension(amount) == dimension("mg") else "nM"
