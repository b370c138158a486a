"""Elimination from the central compartment: linear, saturable, or both in parallel.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Literal

from krogh.model.components import Rate, Rule
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["elimination", "linear_elimination", "saturable_elimination"]


def linear_elimination(
    *,
    form: Literal["clearance", "micro"] = "clearance",
    drug: str = "",
    CL: Value = None,
    kel: Value = None,
) -> Model:
    """Return first-order elimination: ``d(central)/dt = - CL*Cp`` or ``- kel*Cp*V1``.

    The flux is the rule ``linear_flux``, for metabolites and balances.

    Parameters
    ----------
    form
        Clearance or rate constant.
    drug
        Put behind every name.
    CL
        Clearance, length^3/time (L/d).
    kel
        Rate constant, 1/time, with ``form="micro"``.

    Raises
    ------
    SpecError
        KG-108 for another form.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("linear elimination", drug)
    block.choice(form, ("clearance", "micro"), "the form")
    if form == "clearance":
        block.parameter("CL", CL, "L/d", "clearance")
        law = "{CL}*{Cp}"
    else:
        block.parameter("kel", kel, "1/d", "elimination rate constant")
        law = "{kel}*{Cp}*{V1}"
    block.add(
        Rule(block.name("linear_flux"), block.text(law)),
        Rate(block.name("central"), block.text("-{linear_flux}"), name="linear_elimination"),
    )
    return block.model()


def saturable_elimination(
    *, amount: str = "mg", drug: str = "", Vmax: Value = None, Km: Value = None
) -> Model:
    """Return Michaelis-Menten elimination: ``d(central)/dt = - Vmax*Cp/(Km + Cp)``.

    The flux is the rule ``saturable_flux``.  Elimination doubles near ``Cp = Vmax/CL`` where a
    linear path runs in parallel (Stein & Peletier 2018).

    Parameters
    ----------
    amount
        Unit of amount in which `Vmax` is counted, as in `compartments`.
    drug
        Put behind every name.
    Vmax
        Largest rate, amount/time (mg/d).
    Km
        Concentration at half the largest rate.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("saturable elimination", drug, "saturable elimination [stein_peletier_2018]")
    block.parameter("Vmax", Vmax, f"{amount}/d", "largest rate of the saturable path")
    block.parameter("Km", Km, f"{amount}/L", "concentration at half the largest rate")
    block.add(
        Rule(
            block.name("saturable_flux"),
            block.text("michaelis_menten({Cp}, {Vmax}, {Km})"),
            note=block.note,
        ),
        Rate(block.name("central"), block.text("-{saturable_flux}"), name="saturable_elimination"),
    )
    return block.model()


def elimination(
    kind: Literal["linear", "saturable", "parallel"] = "linear",
    *,
    amount: str = "mg",
    drug: str = "",
    CL: Value = None,
    Vmax: Value = None,
    Km: Value = None,
) -> Model:
    """Return linear, saturable (Michaelis-Menten) elimination, or both in parallel.

    Parameters
    ----------
    kind
        Which paths there are.
    amount, drug, CL, Vmax, Km
        As in `linear_elimination` and `saturable_elimination`.

    Raises
    ------
    SpecError
        KG-108 for another kind.
    """
    Block("elimination", drug).choice(kind, ("linear", "saturable", "parallel"), "the kind")
    linear = linear_elimination(drug=drug, CL=CL)
    if kind == "linear":
        return linear
    saturable = saturable_elimination(amount=amount, drug=drug, Vmax=Vmax, Km=Km)
    return saturable if kind == "saturable" else linear + saturable
