"""What becomes of the drug: metabolites, tissues that keep it, and a plasma curve from outside.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from krogh.model.components import Output, Rate, Rule, Species, Table
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.systemic.compartments import compartments
from krogh.model.systemic.elimination import linear_elimination

__all__ = ["metabolite", "plasma_curve", "tissue_sink"]


def metabolite(
    name: str = "metabolite",
    *,
    number: Literal[1, 2, 3] = 1,
    source: str = "linear_flux",
    amount: str = "mg",
    output_unit: str | None = None,
    molar_mass: str | None = None,
    fm: Value = None,
    mass_ratio: Value = 1.0,
    CL: Value = None,
    V1: Value = None,
    Q: Value = None,
    V2: Value = None,
    Q3: Value = None,
    V3: Value = None,
) -> Model:
    """Return a metabolite that a fraction of the parent's elimination forms.

    ::

        d(central_<name>)/dt = fm*mass_ratio*source - CL_<name>*Cp_<name> ...

    Parameters
    ----------
    name
        Put behind every name (``Cp_hydroxy``).
    number
        Compartments of the metabolite.
    source
        Rule with the flux that forms it: ``linear_flux``, ``saturable_flux``, another rule, or an
        expression such as ``"linear_flux + saturable_flux"``, in amount per time.
    amount, output_unit, molar_mass
        As in `compartments`.
    fm
        Fraction of `source` that becomes the metabolite (``fm_<name>``).
    mass_ratio
        Molar mass of the metabolite over that of the parent where the states are masses
        (``mass_ratio_<name>``); 1 for moles.
    CL, V1, Q, V2, Q3, V3
        Disposition of the metabolite.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    disposition = compartments(
        number,
        amount=amount,
        output_unit=output_unit,
        molar_mass=molar_mass,
        intravenous=False,
        drug=name,
        V1=V1,
        Q=Q,
        V2=V2,
        Q3=Q3,
        V3=V3,
    )
    block = Block("metabolite", name)
    block.parameter("fm", fm, "", f"fraction of elimination that forms {name}")
    block.parameter("mass_ratio", mass_ratio, "", "molar mass over that of the parent")
    law = block.text("{fm}*{mass_ratio}*(" + source + ")")
    block.add(Rate(block.name("central"), law, name="formation"))
    return block.model() + disposition + linear_elimination(drug=name, CL=CL)


def tissue_sink(
    tissue: str,
    *,
    amount: str = "mg",
    saturable: bool = False,
    residualizing: bool = True,
    drug: str = "",
    Ki: Value = None,
    VT: Value = None,
    mass: Value = None,
    kloss: Value = None,
    Ksat: Value = None,
) -> Model:
    """Return a normal tissue that takes drug up irreversibly, as Patlak plots show it.

    The tissue holds the reversible part ``VT*mass*Cp``, in equilibrium with the plasma and counted
    in the plasma's distribution volume, and the residualized part::

        uptake             = Ki*mass*Cp            (saturable: /(1 + Cp/Ksat))
        d(central)/dt      = ... - uptake
        d(residual)/dt     = uptake - kloss*residual     (kloss only if not residualizing)
        tissue_<name>      = VT*mass*Cp + residual_<name>

    So the tissue's content over Cp against the integral of Cp over Cp is a line of slope
    ``Ki*mass`` and intercept ``VT*mass`` (Patlak 1983).

    Parameters
    ----------
    tissue
        Put behind the names (``Ki_liver``).
    amount
        Unit of the states, that of `compartments`.
    saturable
        Whether the uptake saturates at Ksat, as that by a normal tissue's target does.
    residualizing
        Whether the label stays in the tissue (89Zr); otherwise kloss removes it.
    drug
        Put behind every name.
    Ki
        Uptake rate constant, volume/mass/time (``"1.1 uL/g/h"``).
    VT
        Reversible volume per tissue, volume/mass (mL/g).
    mass
        Mass of the tissue.
    kloss
        Loss of label, 1/time.
    Ksat
        Plasma concentration that halves the uptake.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block(f"sink {tissue}", drug, "irreversible tissue uptake [patlak_1983]")
    names = {n: f"{n}_{tissue}" for n in ("Ki", "VT", "mass", "kloss", "Ksat")}
    block.parameter(names["Ki"], Ki, "mL/g/h", f"irreversible uptake of {tissue}")
    block.parameter(names["VT"], VT, "mL/g", f"reversible volume of {tissue}")
    block.parameter(names["mass"], mass, "g", f"mass of {tissue}")
    law = "{" + names["Ki"] + "}*{" + names["mass"] + "}*{Cp}"
    if saturable:
        block.parameter(names["Ksat"], Ksat, f"{amount}/L", "concentration that halves the uptake")
        law += "/(1 + {Cp}/{" + names["Ksat"] + "})"
    uptake, residual = block.name(f"uptake_{tissue}"), block.name(f"residual_{tissue}")
    content = "{" + names["VT"] + "}*{" + names["mass"] + "}*{Cp} + " + residual
    total = block.name(f"tissue_{tissue}")
    block.add(
        Rule(uptake, block.text(law), note=block.note),
        Species(residual, amount, note=block.note),
        Rate(residual, uptake, name="uptake"),
        Rate(block.name("central"), f"-{uptake}", name=f"uptake_by_{tissue}"),
        Rule(total, block.text(content)),
        Output(total, total, unit=amount),
    )
    if not residualizing:
        block.parameter(names["kloss"], kloss, "1/d", f"loss of label from {tissue}")
        block.add(Rate(residual, block.text("-{" + names["kloss"] + "}*" + residual), name="loss"))
    return block.model()


def plasma_curve(
    time: Sequence[float] | Any,
    concentration: Sequence[float] | Any,
    *,
    time_unit: str,
    unit: str,
    kind: Literal["linear", "pchip", "step"] = "pchip",
    source: str = "",
    drug: str = "",
) -> Model:
    """Return a plasma concentration given as points: the rule ``Cp``, in place of compartments.

    Parameters
    ----------
    time, concentration
        Points, times strictly increasing; the simulation must stay within them.
    time_unit, unit
        Their units.
    kind
        Interpolation: monotone cubics, straight lines or steps.
    source
        Where the curve comes from.
    drug
        Put behind every name.

    Raises
    ------
    SpecError
        The errors of `Table` for points that do not form a curve.
    """
    block = Block("plasma curve", drug)
    table, cp = block.name("plasma_curve"), block.name("Cp")
    block.add(
        Table(
            table,
            time,
            concentration,
            x_unit=time_unit,
            y_unit=unit,
            kind=kind,
            source=source,
        ),
        Rule(cp, f"{table}(t)"),
        Output(cp, cp, unit=unit),
    )
    return block.model()
