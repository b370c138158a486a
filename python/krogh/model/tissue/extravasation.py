"""A drug that leaves the plasma through the vessel wall and diffuses in the interstitium.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from krogh.errors import SpecError
from krogh.model.components import Output, Reaction, Rule, Species
from krogh.model.effect.signal import unbounded
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.naming import forms_of, fraction, plasma_name
from krogh.model.transport import Transport

__all__ = ["free_drug", "mobile", "total_drug"]

_NOTE = "extravasation and diffusion [thurber_2008]"


def mobile(
    block: Block,
    species: str,
    *,
    prefix: str = "",
    what: str = "the drug",
    unit: str = "nM",
    initial: str = "0",
    plasma: str | None = None,
    wall: Literal["membrane", "fixed", "closed"] | None = None,
    may_be_negative: bool = False,
    retardation: str = "1",
    diffusivity: Value = None,
    void_fraction: Value = None,
    permeability: Value = None,
    free_in_plasma: Value = 1.0,
    names: Mapping[str, str] | None = None,
    vessel_factor: str | None = None,
) -> str:
    """Add a species that moves, with its transport, to a block; return its void fraction's name.

    Parameters
    ----------
    block
        Where it is added.
    species
        Full name of the species, a concentration per total tissue volume.
    prefix
        Put before the names of the parameters (``"payload_"``).
    what
        What moves, for the notes of the parameters.
    unit, initial
        Unit of the species and its value at the start.
    plasma, wall, retardation
        As in `krogh.model.transport.Transport`.
    may_be_negative
        As in `krogh.model.Species`.
    diffusivity, void_fraction, permeability, free_in_plasma
        Values of the parameters; see `free_drug`.
    names
        Expressions of those that are no parameters of their own.
    vessel_factor
        As in `krogh.model.transport.Transport`.
    """
    used = dict(names or {})
    if "diffusivity" not in used:
        used["diffusivity"] = block.parameter(
            f"{prefix}diffusivity", diffusivity, "um^2/s", f"diffusivity of {what} in the tissue"
        )
    if "void_fraction" not in used:
        used["void_fraction"] = fraction(
            block, f"{prefix}void_fraction", void_fraction, f"part of the tissue open to {what}"
        )
    if wall in (None, "membrane") and "permeability" not in used:
        used["permeability"] = block.parameter(
            f"{prefix}permeability", permeability, "um/s", f"permeability of the wall for {what}"
        )
    if plasma is not None and "free_in_plasma" not in used:
        used["free_in_plasma"] = fraction(
            block, f"{prefix}free_in_plasma", free_in_plasma, f"free part of {what} in plasma"
        )
    block.add(
        Species(species, unit, initial=initial, may_be_negative=may_be_negative, note=block.note),
        Transport(
            species,
            plasma=plasma,
            wall=wall,
            retardation=retardation,
            vessel_factor=vessel_factor,
            **used,
        ),
    )
    return used["void_fraction"]


def free_drug(
    drug: str,
    *,
    plasma: str | None = "Cp",
    diffusivity: Value = None,
    void_fraction: Value = None,
    permeability: Value = None,
    free_in_plasma: Value = 1.0,
    wall: Literal["membrane", "fixed", "closed"] | None = None,
    retardation: str = "1",
    initial: str = "0",
    peclet: Value = None,
    drainage_rate: Value = None,
    may_be_negative: bool = False,
    vessel_factor: str | None = None,
) -> Model:
    r"""Return a drug in the interstitium: passage through the vessel wall and diffusion.

    ``F`` is its concentration per total tissue volume and :math:`C = F/\varepsilon` the free
    interstitial concentration (output ``free_<drug>``):

    .. math::
        \partial_t F = \nabla\cdot(D\varepsilon\nabla C), \qquad
        \text{wall: } -D\varepsilon\,\partial_n C = P(f_u C_p - C)

    Thurber, Schmidt & Wittrup 2008, doi 10.1016/j.addr.2008.04.012.  P is given, or follows from
    size: ``permeability=two_pore_permeability(molar_mass="150 kDa")``, and so do the void fraction
    (`void_fraction_of`) and the diffusivity in water (`free_diffusivity`).

    With filtration through the wall (`peclet`) its law is that of Patlak, Goldstein & Hoffman 1963,
    doi 10.1016/0022-5193(63)90088-2 (unverified):

    .. math:: P \frac{\mathrm{Pe}}{e^{\mathrm{Pe}} - 1} (e^{\mathrm{Pe}} f_u C_p - C)

    Parameters
    ----------
    drug
        Label put behind every name: ``F_<drug>``, ``diffusivity_<drug>``, ...
    plasma
        Plasma concentration, a name of the systemic model; ``"Cp"`` stands for ``Cp_<drug>``.
        None: nothing outside, the drug washes out.
    diffusivity
        Diffusivity D in the interstitium, length^2/time.
    void_fraction
        Part of the tissue volume open to the drug, 0 to 1.
    permeability
        Permeability P of the vessel wall, length/time.
    free_in_plasma
        Free fraction in plasma, 0 to 1.
    wall
        ``"membrane"`` (the default) exchanges through P; ``"fixed"`` holds the free interstitial
        concentration at the wall at that of plasma (a spheroid in medium); ``"closed"`` is tight.
    retardation
        Part of the velocity of the fluid with which the drug moves.
    initial
        Concentration per tissue volume at the start, an expression of parameters.
    peclet
        Pe of the wall, :math:`J_v(1 - \sigma)/(P S)` (`peclet_number`), of either sign; a wall
        without filtration if left out.
    drainage_rate
        Fluid that lymphatics take per tissue volume, 1/time: the loss is this times C.
    may_be_negative
        Whether other laws take out of the free drug what they see of other forms (uptake of
        doxorubicin as published), so that it may fall below zero.
    vessel_factor
        As in `krogh.model.transport.Transport`: ``"vessels"`` of `krogh.model.effect.vessels`.

    Raises
    ------
    SpecError
        KG-108 for fractions outside 0 .. 1 and negative values; KG-112 for `peclet` of a wall that
        is no membrane.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("drug in tissue", drug, _NOTE)
    species, free = block.name("F"), block.name("free")
    outside = plasma_name(block, plasma)
    names: dict[str, str] = {}
    if peclet is not None:
        if wall not in (None, "membrane"):
            raise SpecError(f"KG-112: 'peclet' of {drug!r} needs a membrane, the wall is {wall!r}.")
        names = _filtering(block, outside, peclet, permeability, free_in_plasma)
    void = mobile(
        block,
        species,
        initial=initial,
        plasma=outside,
        wall=wall,
        may_be_negative=may_be_negative,
        retardation=retardation,
        diffusivity=diffusivity,
        void_fraction=void_fraction,
        permeability=permeability,
        free_in_plasma=free_in_plasma,
        names=names,
        vessel_factor=vessel_factor,
    )
    if drainage_rate is not None:
        k = block.parameter("drainage_rate", drainage_rate, "1/h", "lymph per tissue volume")
        block.add(Reaction(f"{species} ->", f"{k}*{free}", name=f"drain_{species}"))
    block.add(
        Rule(free, f"{species}/{void}", unit="nM", note="free interstitial concentration"),
        Output(free, unit="nM"),
    )
    return block.model()


def _filtering(
    block: Block, plasma: str | None, peclet: Value, permeability: Value, free_in_plasma: Value
) -> dict[str, str]:
    """Return the expressions of a wall through which fluid flows; near Pe = 0 by its series."""
    block.note += ", filtration through the wall [patlak_1963]"
    pe = block.parameter("peclet", unbounded(peclet), "", "Peclet number of the wall")
    p = block.parameter("permeability", permeability, "um/s", "permeability of the wall")
    back = block.name("return_factor")
    law = f"if(abs({pe}) < 1e-4, 1 - {pe}/2 + {pe}^2/12, {pe}/expm1({pe}))"
    block.add(Rule(back, law, note="Patlak's factor of the flux back into the vessel"))
    names = {"permeability": f"{p}*{back}"}
    if plasma is not None:
        fu = fraction(block, "free_in_plasma", free_in_plasma, "free part of the drug in plasma")
        names["free_in_plasma"] = f"{fu}*exp({pe})"
    return names


def total_drug(
    drug: str,
    *,
    forms: Sequence[str] | Model = ("F", "B", "I"),
    degraded: bool = True,
) -> Model:
    """Return the output ``total_<drug>``: all forms of a drug, per total tissue volume.

    Parameters
    ----------
    drug
        Label of the drug.
    forms
        First letters of the species that hold it (F, B, I, L, G, N, A, C, K, Y: see
        `krogh.model.tissue.FORMS`), or the model whose species of that drug count.  Their names are
        those of the ledger.
    degraded
        Whether degraded drug (G) counts; then the total is what entered and has not left.

    Raises
    ------
    SpecError
        KG-101 without a form, KG-103 for an unknown one.
    """
    block = Block("total drug", drug, "all forms of the drug per tissue volume")
    names = forms_of(drug, forms, () if degraded else ("G",))
    total = block.name("total")
    block.add(
        Rule(total, " + ".join(names), unit="nM", note=block.note),
        Output(total, unit="nM"),
    )
    return block.model()
