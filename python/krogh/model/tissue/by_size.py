"""Transport by size as rules of a model, so that a radius can vary, be sampled or be fitted.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Final

import numpy as np

from krogh.errors import SpecError
from krogh.model.components import Rule, Table
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.naming import fraction
from krogh.model.tissue.size import (
    DRAG,
    DRAG_RATIO,
    LARGE_AREA,
    LARGE_PORE,
    RADIUS_EXPONENT,
    RADIUS_FACTOR,
    SMALL_AREA,
    SMALL_PORE,
    STOKES_EINSTEIN,
    void_expression,
)

__all__ = ["transport_by_size"]

_NOTE: Final = "transport by size [schmidt_wittrup_2009] [paine_scherr_1975]"


def transport_by_size(
    drug: str,
    *,
    radius: Value = None,
    molar_mass: Value = None,
    slowing: Value = None,
) -> Model:
    r"""Return permeability and void fraction of a drug as rules of its radius.

    The laws of `two_pore_permeability`, `void_fraction_of` and, for a drug with a molar mass,
    `hydrodynamic_radius`, as the rules ``permeability_<drug>``, ``void_fraction_<drug>`` and
    ``radius_<drug>``: leave those values out of `free_drug`.  With `slowing` the diffusivity in the
    tissue is that part of `free_diffusivity`.  Schmidt & Wittrup 2009, doi
    10.1158/1535-7163.MCT-09-0195.

    Parameters
    ----------
    drug
        Label of the drug.
    radius, molar_mass
        One of the two may be given; with neither ``radius_<drug>`` is left to others.
    slowing
        Diffusivity in the tissue over that in water, 0 to 1; no rule of it if left out.

    Raises
    ------
    SpecError
        KG-101 for radius and molar mass; KG-108 for a part outside 0 .. 1.
    UnitError
        KG-121 for a value of another dimension.
    """
    if radius is not None and molar_mass is not None:
        raise SpecError(f"KG-101: give {drug!r} a radius or a molar mass, not both.")
    block = Block("transport by size", drug, _NOTE)
    r = block.name("radius")
    if molar_mass is not None:
        mass = block.parameter("molar_mass", molar_mass, "kDa", "molar mass")
        law = f"{RADIUS_FACTOR}[nm]*({mass}/1[kDa])^{RADIUS_EXPONENT}"
        block.add(Rule(r, law, unit="nm", note="hydrodynamic radius"))
    else:
        block.parameter("radius", radius, "nm", "hydrodynamic radius")
    water, wall = block.name("diffusivity_in_water"), block.name("permeability")
    small, large = (block.name(f"hindrance_{w}") for w in ("small", "large"))
    block.add(
        Table(
            "pore_drag",
            DRAG_RATIO,
            np.log(DRAG),
            x_unit="",
            y_unit="",
            source="Paine & Scherr 1975 [paine_scherr_1975], natural logarithm, transcribed",
        ),
        Rule(water, f"{STOKES_EINSTEIN}[cm^2/s]*1[nm]/{r}", unit="cm^2/s", note=_NOTE),
        Rule(small, _hindrance(f"({r}/{SMALL_PORE}[nm])")),
        Rule(large, _hindrance(f"({r}/{LARGE_PORE}[nm])")),
        Rule(
            wall,
            f"{water}*({SMALL_AREA}[1/cm]*{small} + {LARGE_AREA}[1/cm]*{large})",
            unit="cm/s",
            note="two-pore law of tumor vessels",
        ),
        Rule(block.name("void_fraction"), void_expression(r), note="part open to this size"),
    )
    if slowing is not None:
        s = fraction(block, "slowing", slowing, "diffusivity in the tissue over that in water")
        block.add(Rule(block.name("diffusivity"), f"{s}*{water}", unit="um^2/s"))
    return block.model()


def _hindrance(x: str) -> str:
    """Return `krogh.model.tissue.hindrance` of an expression as text."""
    low, high = DRAG_RATIO[0], DRAG_RATIO[-1]
    top = f"(1 - 2.105*{x} + 2.0865*{x}^3 - 1.7068*{x}^5 + 0.72603*{x}^6)"
    near = f"(1 - {x})^2*{top}/(1 - 0.75857*{x}^5)"
    table = f"(1 - {x})^2*exp(-pore_drag(min(max({x}, {low!r}), {high!r})))"
    return f"if({x} < {low!r}, {near}, if({x} <= {high!r}, {table}, 0))"
