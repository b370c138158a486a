"""Binding of drugs to targets, what becomes of the complexes, and occupancy.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from krogh.errors import SpecError
from krogh.model.components import Output, Reaction, Rule, Species
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.extravasation import mobile
from krogh.model.tissue.naming import forms_of

__all__ = ["binding", "internalization", "occupancy", "soluble_binding", "uptake"]

Fate = Literal["kept", "lysosome"]


def internalization(
    block: Block,
    *,
    drug: str,
    fate: Fate,
    recycling: bool,
    recycling_rate: Value,
    lysosomal_rate: Value,
    degradation_rate: Value,
    bound: Sequence[str],
) -> None:
    """Add what becomes of internalized drug to a block; see `binding`.

    Parameters
    ----------
    block
        Where it is added; its label is that of the bound form.
    drug
        Label of the drug, for notes.
    fate, recycling, recycling_rate, lysosomal_rate, degradation_rate
        As in `binding`.
    bound
        Species that the output of bound drug sums; recycling leads to the first.
    """
    inside, lysosome, gone = block.name("I"), block.name("L"), block.name("G")
    held = [inside]
    block.add(Species(inside, "nM", note=block.note))
    if recycling:
        k = block.parameter("recycling_rate", recycling_rate, "1/h", f"recycling of bound {drug}")
        block.add(Reaction(f"{inside} -> {bound[0]}", f"{k}*{inside}", name=f"recycle_{inside}"))
    else:
        refuse({"recycling_rate": recycling_rate}, f"{block.title} without recycling")
    if fate == "lysosome":
        k_lys = block.parameter(
            "lysosomal_rate", lysosomal_rate, "1/h", f"passage of {drug} to lysosomes"
        )
        k_deg = block.parameter(
            "degradation_rate", degradation_rate, "1/h", f"degradation of {drug} in lysosomes"
        )
        held.append(lysosome)
        block.add(
            Species(lysosome, "nM"),
            Species(gone, "nM", note="degraded; counts what was"),
            Reaction(f"{inside} -> {lysosome}", f"{k_lys}*{inside}", name=f"to_{lysosome}"),
            Reaction(f"{lysosome} -> {gone}", f"{k_deg}*{lysosome}", name=f"degrade_{lysosome}"),
        )
    else:
        refuse(
            {"lysosomal_rate": lysosomal_rate, "degradation_rate": degradation_rate},
            f"{block.title} with fate='kept'",
        )
    for name, parts in (("bound", bound), ("internalized", held)):
        block.add(
            Rule(block.name(name), " + ".join(parts), unit="nM"),
            Output(block.name(name), unit="nM"),
        )


def binding(
    drug: str,
    target: str,
    *,
    association_rate: Value = None,
    dissociation_rate: Value = None,
    internalization_rate: Value = None,
    fate: Fate = "kept",
    recycling: bool = False,
    recycling_rate: Value = None,
    lysosomal_rate: Value = None,
    degradation_rate: Value = None,
    shedding: bool = False,
    accessible: str | None = None,
    factor: Signal | None = None,
    site: str = "",
) -> Model:
    r"""Return a drug that binds a target on cells and is internalized with it.

    With the free interstitial concentration :math:`C = F/\varepsilon` (`free_drug`), all species
    per total tissue volume:

    .. math::
        \dot F &= \dots - k_{on} C S + k_{off} B \\
        \dot S &= \dots - k_{on} C S + k_{off} B \\
        \dot B &= k_{on} C S - (k_{off} + k_e) B \;(+ k_{rec} I) \\
        \dot I &= k_e B \;(- (k_{rec} + k_{lys}) I), \quad
        \dot L = k_{lys} I - k_{deg} L, \quad \dot G = k_{deg} L

    Any number of drugs compete for one target: give each its binding.  Thurber, Schmidt & Wittrup
    2008, doi 10.1016/j.addr.2008.04.012; endosome and lysosome: Cilliers et al. 2016, doi
    10.1208/s12248-016-9940-z.

    Parameters
    ----------
    drug, target
        Labels; ``S_<target>`` is of `surface_target`, ``free_<drug>`` of `free_drug`.
    association_rate
        :math:`k_{on}`, 1/(concentration time), referred to the free interstitial concentration.
    dissociation_rate
        :math:`k_{off}`, 1/time.
    internalization_rate
        :math:`k_e` of the complex, 1/time.
    fate
        ``"kept"``: I keeps all that is internalized.  ``"lysosome"``: it goes on to the lysosome L
        and is degraded there (G counts it).
    recycling, recycling_rate
        Whether internalized complexes return to the surface intact, and the rate constant.
    lysosomal_rate, degradation_rate
        :math:`k_{lys}, k_{deg}` with ``fate="lysosome"``, 1/time.
    shedding
        Whether complexes are shed at the rate of the target (``shedding_rate_<target>``) into
        ``Y_<site>`` of `soluble_binding`.
    accessible
        Name of the accessible target where that is not all of S (`steric_exclusion`).
    factor
        Dimensionless factor of association, for example of a blocking mask.
    site
        Label of the bound form and its parameters, if the drug binds several targets; `drug` if
        left out: ``B_<site>``, ``association_rate_<site>``, ``bound_<site>``.

    Raises
    ------
    SpecError
        KG-108 for another fate; KG-112 for values of steps that are switched off.
    UnitError
        KG-121 for a value of another dimension.
    """
    site = site or drug
    block = Block("binding", site, "binding and internalization [thurber_2008]")
    block.choice(fate, ("kept", "lysosome"), "the fate")
    on = block.parameter("association_rate", association_rate, "1/nM/h", f"{drug} to {target}")
    off = block.parameter("dissociation_rate", dissociation_rate, "1/h", f"{drug} from {target}")
    k_e = block.parameter(
        "internalization_rate", internalization_rate, "1/h", f"internalization of bound {drug}"
    )
    free, surface, bound = f"F_{drug}", f"S_{target}", block.name("B")
    if not drug:
        free = "F"
    interstitial = f"free_{drug}" if drug else "free"
    open_target = accessible or surface
    scale = "" if factor is None else f"{written(factor)}*"
    inside = block.name("I")
    block.add(
        Species(bound, "nM", note=block.note),
        Reaction(
            f"{free} + {surface} <-> {bound}",
            f"{scale}{on}*{interstitial}*{open_target}",
            f"{off}*{bound}",
            name=f"bind_{site}" if site else "bind",
        ),
        Reaction(f"{bound} -> {inside}", f"{k_e}*{bound}", name=f"internalize_{bound}"),
    )
    if shedding:
        soluble = block.name("Y")
        block.add(
            Reaction(
                f"{bound} -> {soluble}", f"shedding_rate_{target}*{bound}", name=f"shed_{bound}"
            )
        )
    internalization(
        block,
        drug=drug,
        fate=fate,
        recycling=recycling,
        recycling_rate=recycling_rate,
        lysosomal_rate=lysosomal_rate,
        degradation_rate=degradation_rate,
        bound=[bound],
    )
    return block.model()


def occupancy(
    target: str, drugs: Sequence[str], *, both: Sequence[str] = (), masked: bool = False
) -> Model:
    r"""Return the output ``occupancy_<target>``: the part of the surface target that is bound.

    .. math:: \theta = \sum_i B_i/(S + \sum_i B_i)

    A cell without any target has the occupancy 0.

    Parameters
    ----------
    target
        Label of the target.
    drugs
        Labels of the drugs (or of the sites of `binding`).
    both
        Further names of occupied target, such as ``D_<target>`` of `two_epitopes`.
    masked
        Whether masked target (`masking`) counts as unoccupied.

    Raises
    ------
    SpecError
        KG-101 for no drug or a repeated one.
    """
    if not drugs or isinstance(drugs, str) or len(set(drugs)) != len(drugs):
        raise SpecError(
            f"KG-101: occupancy({target!r}) needs a list of one or more different drugs, not"
            f" {drugs!r}."
        )
    block = Block("occupancy", target, "part of the surface target that is bound")
    bound = " + ".join([*(f"B_{d}" if d else "B" for d in drugs), *both])
    empty = block.name("S") + (f" + {block.name('M')}" if masked else "")
    name = block.name("occupancy")
    block.add(
        Rule(name, f"({bound})/max({empty} + {bound}, 1e-30[nM])", note=block.note),
        Output(name, unit=""),
    )
    return block.model()


def uptake(
    drug: str,
    *,
    forms: Sequence[str] | Model = ("B", "I"),
    cell_density: Value = None,
) -> Model:
    r"""Return the output ``uptake_<drug>``: molecules of a drug taken up, per cell.

    Bound, internalized and degraded drug over the density of cells:
    :math:`(B + I + L + G)/n`.

    Parameters
    ----------
    drug
        Label of the drug.
    forms
        First letters of the species that count, or the model whose species of that drug count (of
        B, I, L, G, C).
    cell_density
        Cells per total tissue volume (``"5e8 cells/mL"``); the shared name ``cell_density``.

    Raises
    ------
    SpecError
        KG-101 without a form, KG-103 for an unknown one.
    UnitError
        KG-121 for a value of another dimension.
    """
    names = forms_of(drug, forms, ("F", "N", "A", "K", "Y"))
    shared = Block("cells")
    shared.parameter("cell_density", cell_density, "cells/mL", "cells per tissue volume")
    block = Block("uptake", drug, "molecules taken up per cell")
    name = block.name("uptake")
    block.add(
        *shared.components,
        Rule(name, f"({' + '.join(names)})/cell_density", unit="molecules/cell", note=block.note),
        Output(name, unit="molecules/cell"),
    )
    return block.model()


def soluble_binding(
    drug: str,
    target: str,
    *,
    association_rate: Value = None,
    dissociation_rate: Value = None,
    diffusivity: Value = None,
    void_fraction: Value = None,
    permeability: Value = None,
    plasma: str | None = None,
    free_in_plasma: Value = 1.0,
    clearance_rate: Value = None,
) -> Model:
    r"""Return the binding of a drug to shed target in the interstitium; the complex moves.

    With :math:`C = F/\varepsilon` and the soluble target Z (`soluble_target`), per total volume:

    .. math:: \dot Y = k_{on} C Z - k_{off} Y - k_{cl} Y + \text{transport}

    ``Y_<drug>`` is the complex; its parameters are ``soluble_association_rate_<drug>``,
    ``complex_diffusivity_<drug>`` and so on.  Binding is written for a target that is open to the
    same void as the drug: the concentration of Z there is Z/eps, and the law per total volume
    kon*(F/eps)*(Z/eps)*eps.

    Parameters
    ----------
    drug, target
        Labels.
    association_rate, dissociation_rate
        As in `binding`.
    diffusivity, void_fraction, permeability, plasma, free_in_plasma
        Transport of the complex, as in `krogh.model.tissue.free_drug`.
    clearance_rate
        Local loss of the complex, 1/time; no such step if left out.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("binding to soluble target", drug, "binding to shed target")
    on = block.parameter(
        "soluble_association_rate", association_rate, "1/nM/h", f"{drug} to soluble {target}"
    )
    off = block.parameter(
        "soluble_dissociation_rate", dissociation_rate, "1/h", f"{drug} from soluble {target}"
    )
    species = block.name("Y")
    mobile(
        block,
        species,
        prefix="complex_",
        what=f"{drug} with soluble {target}",
        plasma=plasma,
        diffusivity=diffusivity,
        void_fraction=void_fraction,
        permeability=permeability,
        free_in_plasma=free_in_plasma,
    )
    free, shed = block.name("F"), f"Z_{target}"
    block.add(
        Reaction(
            f"{free} + {shed} <-> {species}",
            f"{on}*{block.name('free')}*{shed}",
            f"{off}*{species}",
            name=f"bind_{species}",
        )
    )
    if clearance_rate is not None:
        rate = block.parameter("complex_clearance_rate", clearance_rate, "1/h", "local clearance")
        block.add(Reaction(f"{species} ->", f"{rate}*{species}", name=f"clear_{species}"))
    return block.model()
