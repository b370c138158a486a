"""Binding that is not to the target: to the tissue, linear or saturable, and to protein.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model.components import Output, Reaction, Rule, Species
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.extravasation import mobile
from krogh.model.tissue.naming import plasma_name, ratio

__all__ = ["linear_tissue_binding", "protein_binding", "saturable_tissue_binding"]


def linear_tissue_binding(
    drug: str, *, bound_ratio: Value = None, exchange_rate: Value = "10 1/s"
) -> Model:
    r"""Return linear binding of a drug to the tissue, which slows its diffusion.

    .. math:: \dot N = k (K F - N), \qquad \dot F = \dots - \dot N

    For exchange that is fast beside diffusion N = K F, and free drug spreads with the apparent
    diffusivity :math:`D/(1 + K)` (Crank 1975, The Mathematics of Diffusion, section 14.2).

    Parameters
    ----------
    drug
        Label of the drug; the state is ``N_<drug>``, which counts in ``total_<drug>``.
    bound_ratio
        K, amount bound to the tissue over amount free in it, 0 or more.
    exchange_rate
        k, 1/time; by default faster than a small molecule diffuses across 3 um
        (100 um^2/s / (3 um)^2), so that binding is practically at equilibrium.

    Raises
    ------
    SpecError
        KG-108 for a negative ratio.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("linear tissue binding", drug, "linear binding to the tissue [crank_1975]")
    k_b = ratio(block, "bound_ratio", bound_ratio, "bound per free drug in the tissue")
    k = block.parameter("exchange_rate", exchange_rate, "1/s", "exchange of bound and free drug")
    _held(block, f"{k}*{k_b}*{block.name('F')}", k)
    return block.model()


def _held(block: Block, forward: str, backward: str) -> None:
    """Add drug held by the tissue, N, that forms by a law and leaves by a rate constant."""
    held, name = block.name("N"), block.name("tissue_bound")
    block.add(
        Species(held, "nM", note=block.note),
        Reaction(
            f"{block.name('F')} <-> {held}", forward, f"{backward}*{held}", name=f"bind_{held}"
        ),
        Rule(name, held, unit="nM"),
        Output(name, unit="nM"),
    )


def saturable_tissue_binding(
    drug: str,
    *,
    capacity: Value = None,
    association_rate: Value = None,
    dissociation_rate: Value = None,
) -> Model:
    r"""Return binding of a drug to a limited number of fixed sites in the tissue.

    .. math:: \dot N = k_{on} C (N_{max} - N) - k_{off} N, \qquad \dot F = \dots - \dot N

    with the free interstitial concentration C; N counts in ``total_<drug>``.

    Parameters
    ----------
    drug
        Label of the drug; the state is ``N_<drug>``.
    capacity
        :math:`N_{max}`, sites per total tissue volume; ``tissue_capacity_<drug>``.
    association_rate, dissociation_rate
        :math:`k_{on}` (1/(concentration time)) and :math:`k_{off}` (1/time);
        ``tissue_association_rate_<drug>``, ``tissue_dissociation_rate_<drug>``.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("saturable tissue binding", drug, "binding to fixed sites of the tissue")
    top = block.parameter("tissue_capacity", capacity, "nM", "sites in the tissue")
    on = block.parameter("tissue_association_rate", association_rate, "1/nM/h", "to the tissue")
    off = block.parameter("tissue_dissociation_rate", dissociation_rate, "1/h", "from the tissue")
    _held(block, f"{on}*{block.name('free')}*({top} - {block.name('N')})", off)
    return block.model()


def protein_binding(
    drug: str,
    *,
    plasma: str | None = "Cp",
    association_rate: Value = None,
    dissociation_rate: Value = None,
    diffusivity: Value = None,
    permeability: Value = None,
) -> Model:
    r"""Return drug bound to albumin, which moves slowly and exchanges with the free drug.

    .. math::
        \partial_t F &= \dots - k_a F + k_d A, \qquad
        \partial_t A = k_a F - k_d A + \nabla\cdot(D_A\varepsilon\nabla(A/\varepsilon)) \\
        \text{wall: } & -D_A\varepsilon\,\partial_n (A/\varepsilon)
            = P_A((1 - f_u) C_p - A/\varepsilon)

    in the void of the drug; the free fraction of plasma is that of `free_drug`
    (``free_in_plasma_<drug>``).  Eikenberry 2009, doi 10.1186/1742-4682-6-16 (doxorubicin).

    Parameters
    ----------
    drug
        Label of the drug; the state is ``A_<drug>``.
    plasma
        Plasma concentration, as in `free_drug`.
    association_rate, dissociation_rate
        :math:`k_a, k_d`, both 1/time (albumin in excess).
    diffusivity, permeability
        Of the bound drug: ``protein_diffusivity_<drug>``, ``protein_permeability_<drug>``.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("protein binding", drug, "binding to albumin [eikenberry_2009]")
    on = block.parameter("protein_association_rate", association_rate, "1/h", "to protein")
    off = block.parameter("protein_dissociation_rate", dissociation_rate, "1/h", "from protein")
    free, bound, name = block.name("F"), block.name("A"), block.name("protein_bound")
    void = block.name("void_fraction")
    shared = Block("carried by protein", drug, block.note)
    mobile(
        shared,
        bound,
        prefix="protein_",
        what="protein-bound drug",
        plasma=plasma_name(block, plasma),
        diffusivity=diffusivity,
        permeability=permeability,
        free_in_plasma=None,
        names={
            "void_fraction": void,
            "free_in_plasma": f"(1 - {block.name('free_in_plasma')})",
        },
    )
    block.add(
        *shared.components,
        Reaction(f"{free} <-> {bound}", f"{on}*{free}", f"{off}*{bound}", name=f"bind_{bound}"),
        Rule(name, f"{bound}/{void}", unit="nM", note="protein-bound interstitial drug"),
        Output(name, unit="nM"),
    )
    return block.model()
