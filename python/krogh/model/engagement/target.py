"""Targets: on the surface of cells, masked, shed, and crowded by large carriers.

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
from krogh.model.tissue.naming import fraction, ratio

__all__ = ["masking", "soluble_target", "steric_exclusion", "surface_target"]


def surface_target(
    target: str,
    *,
    target_density: Value = None,
    internalization_rate: Value = None,
    synthesis: Literal["balanced"] | Value = "balanced",
    accessible_fraction: Value = None,
    masked: bool = False,
    recycling: bool = False,
    recycling_rate: Value = None,
    endosomal_degradation_rate: Value = None,
    shedding: bool = False,
    shedding_rate: Value = None,
    internalization_factor: Signal | None = None,
    synthesis_factor: Signal | None = None,
) -> Model:
    r"""Return a target on the surface of cells with its synthesis and internalization.

    Unoccupied target S (per total tissue volume; R in endosomes with `recycling`):

    .. math::
        \dot S &= s - k_e S + k_{rec} R - k_{shed} S \;(-\text{binding}), \qquad S(0) = S_0 \\
        \dot R &= k_e S - (k_{rec} + k_{deg}) R, \qquad R(0) = k_e S_0/(k_{rec} + k_{deg})

    ``"balanced"`` synthesis keeps the tissue without drug as it starts: :math:`s = k_e S_0`
    (+ :math:`k_{shed} S_0`) without recycling, :math:`s = k_{deg} R(0)` (+ ...) with it, so that
    the net loss constant of the surface is :math:`k_e k_{deg}/(k_{rec} + k_{deg})`.  Thurber,
    Schmidt & Wittrup 2008, doi 10.1016/j.addr.2008.04.012; trafficking with recycling: Scheuher et
    al. 2023, doi 10.1007/s10928-023-09884-6.

    Parameters
    ----------
    target
        Label put behind every name: ``S_<target>``, ``target_density_<target>``, ...
    target_density
        Target in the tissue at the start, concentration per total tissue volume (receptors per cell
        times cells per volume: ``"1e6 molecules/cell * 5e8 cells/mL"`` is 830 nM).
    internalization_rate
        Constitutive internalization :math:`k_e`, 1/time.
    synthesis
        ``"balanced"``, or a value (concentration/time) named ``synthesis_<target>``.
    accessible_fraction
        Static masking: the part of the target that drugs can reach; the rest is left out of S.
    masked
        The block `masking` exchanges accessible and masked target.
    recycling, recycling_rate, endosomal_degradation_rate
        Whether internalized empty target returns; its rate constant, and that of its loss.
    shedding, shedding_rate
        Whether the target is shed, and the rate constant; needs `soluble_target`.
    internalization_factor, synthesis_factor
        Dimensionless factors, 1 at rest: up- or down-regulation by a response, for example
        ``synthesis_factor="viable"``.  The balance is that at rest.

    Raises
    ------
    SpecError
        KG-112 for values of steps that are switched off.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("surface target", target, "turnover of the target [thurber_2008]")
    title = f"surface_target({target!r})"
    if not recycling:
        refuse(
            {
                "recycling_rate": recycling_rate,
                "endosomal_degradation_rate": endosomal_degradation_rate,
            },
            f"{title} without recycling",
        )
    if not shedding:
        refuse({"shedding_rate": shedding_rate}, f"{title} without shedding")
    if masked and accessible_fraction is not None:
        raise SpecError(
            f"KG-112: {title} has masked=True, so 'accessible_fraction' is a rule of masking()."
        )
    density = block.parameter("target_density", target_density, "nM", f"density of {target}")
    k_e = block.parameter(
        "internalization_rate", internalization_rate, "1/h", f"internalization of {target}"
    )
    start = density
    if masked:
        start = f"{block.name('accessible_fraction')}*{density}"
    elif accessible_fraction is not None:
        name = fraction(block, "accessible_fraction", accessible_fraction, f"open part of {target}")
        start = f"{name}*{density}"
    surface, inside = block.name("S"), block.name("R")
    factor = "" if internalization_factor is None else f"*{written(internalization_factor)}"
    # what leaves the tissue at rest: masked target turns over like the accessible one
    turning = density if masked else start
    lost = [f"{k_e}*{turning}"]
    block.add(Species(surface, "nM", initial=start, note=block.note))
    if recycling:
        k_rec = block.parameter(
            "recycling_rate", recycling_rate, "1/h", f"recycling of empty {target}"
        )
        k_deg = block.parameter(
            "endosomal_degradation_rate",
            endosomal_degradation_rate,
            "1/h",
            f"degradation of empty {target} in endosomes",
        )
        lost = [f"{k_e}*{turning}*{k_deg}/({k_rec} + {k_deg})"]
        block.add(
            Species(inside, "nM", initial=f"{k_e}*{turning}/({k_rec} + {k_deg})"),
            Reaction(
                f"{surface} -> {inside}", f"{k_e}{factor}*{surface}", name=f"internalize_{surface}"
            ),
            Reaction(f"{inside} -> {surface}", f"{k_rec}*{inside}", name=f"recycle_{surface}"),
            Reaction(f"{inside} ->", f"{k_deg}*{inside}", name=f"degrade_{inside}"),
        )
    else:
        block.add(
            Reaction(f"{surface} ->", f"{k_e}{factor}*{surface}", name=f"internalize_{surface}")
        )
    if shedding:
        k_shed = block.parameter("shedding_rate", shedding_rate, "1/h", f"shedding of {target}")
        lost.append(f"{k_shed}*{start}")
        soluble = block.name("Z")
        block.add(
            Reaction(f"{surface} -> {soluble}", f"{k_shed}*{surface}", name=f"shed_{surface}")
        )
    made = block.name("synthesis")
    if isinstance(synthesis, str) and synthesis == "balanced":
        block.add(Rule(made, " + ".join(lost), unit="nM/h", note="what is lost at rest"))
    else:
        block.parameter("synthesis", synthesis, "nM/h", f"synthesis of {target}")
    scale = "" if synthesis_factor is None else f"*{written(synthesis_factor)}"
    block.add(Reaction(f"-> {surface}", f"{made}{scale}", name=f"synthesis_{surface}"))
    return block.model()


def masking(
    target: str,
    *,
    masking_rate: Value = None,
    unmasking_rate: Value = None,
    modifier: str | None = None,
    largest_effect: Value = None,
    half_effect: Value = None,
    internalization_factor: Signal | None = None,
    recycling: bool = False,
) -> Model:
    r"""Return the exchange of accessible and masked target, which a modifier drug may shift.

    For mucins and glycocalyx (MUC4) that hide a receptor from antibodies, and mucolytics or
    sialidases that free it.  With ``surface_target(..., masked=True)`` and the masked target M:

    .. math::
        \dot S &= \dots - k_m S + u M, \qquad \dot M = k_m S - u M - k_e M \\
        u &= k_u (1 + E_{max} C_m/(EC_{50} + C_m))

    :math:`C_m` is the free interstitial concentration of the modifier.  At rest the fraction
    :math:`f = (k_u + k_e)/(k_m + k_u + k_e)` is accessible (rule ``accessible_fraction_<target>``),
    which follows from :math:`\dot M = 0`.  Masked target is internalized like the accessible one.

    Parameters
    ----------
    target
        Label of the target.
    masking_rate, unmasking_rate
        :math:`k_m, k_u`, 1/time.
    modifier
        Label of a drug of `krogh.model.tissue.free_drug` that unmasks.
    largest_effect, half_effect
        :math:`E_{max}` (dimensionless) and :math:`EC_{50}` (nM) of the modifier.
    internalization_factor
        The factor given to `surface_target`, if any.
    recycling
        Whether `surface_target` recycles: internalized masked target joins the empty target in
        endosomes.

    Raises
    ------
    SpecError
        KG-112 for the effect of a modifier without a modifier.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("masking", target, "masking of the target, in exchange")
    k_m = block.parameter("masking_rate", masking_rate, "1/h", f"masking of {target}")
    k_u = block.parameter("unmasking_rate", unmasking_rate, "1/h", f"unmasking of {target}")
    k_e = block.name("internalization_rate")
    surface, masked = block.name("S"), block.name("M")
    fraction_name = block.name("accessible_fraction")
    unmask = k_u
    if modifier is None:
        refuse(
            {"largest_effect": largest_effect, "half_effect": half_effect},
            f"masking({target!r}) without a modifier",
        )
    else:
        largest = ratio(block, "largest_effect", largest_effect, "largest unmasking")
        half = block.parameter("half_effect", half_effect, "nM", "modifier with half the effect")
        free = f"free_{modifier}"
        unmask = f"{k_u}*(1 + {largest}*{free}/({half} + {free}))"
    factor = "" if internalization_factor is None else f"*{written(internalization_factor)}"
    goes = f"{masked} -> {block.name('R')}" if recycling else f"{masked} ->"
    block.add(
        Rule(fraction_name, f"({k_u} + {k_e})/({k_m} + {k_u} + {k_e})", note="accessible at rest"),
        Species(
            masked,
            "nM",
            initial=f"(1 - {fraction_name})*{block.name('target_density')}",
            note=block.note,
        ),
        Reaction(
            f"{surface} <-> {masked}",
            f"{k_m}*{surface}",
            f"{unmask}*{masked}",
            name=f"masking_{surface}",
        ),
        Reaction(goes, f"{k_e}{factor}*{masked}", name=f"internalize_{masked}"),
        Rule(block.name("masked"), masked, unit="nM"),
        Output(block.name("masked"), unit="nM"),
    )
    return block.model()


def soluble_target(
    target: str,
    *,
    diffusivity: Value = None,
    void_fraction: Value = None,
    permeability: Value = None,
    plasma: str | None = None,
    free_in_plasma: Value = 1.0,
    clearance_rate: Value = None,
    initial: str = "0",
) -> Model:
    """Return shed target in the interstitium, which moves and leaves through the vessel wall.

    ``Z_<target>``, per total tissue volume, receives what `surface_target` (``shedding=True``)
    sheds, moves as a drug does and is cleared locally: ``dZ/dt = ... - clearance_rate*Z``.  Its
    parameters are ``soluble_diffusivity_<target>`` and so on.  A drug binds it by
    `krogh.model.engagement.soluble_binding`.

    Parameters
    ----------
    target
        Label of the target.
    diffusivity, void_fraction, permeability, plasma, free_in_plasma
        As in `krogh.model.tissue.free_drug`.
    clearance_rate
        Local loss, 1/time; no such step if left out.
    initial
        Concentration per tissue volume at the start.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("soluble target", target, "shed target in the interstitium")
    species = block.name("Z")
    void = mobile(
        block,
        species,
        prefix="soluble_",
        what=f"soluble {target}",
        initial=initial,
        plasma=plasma,
        diffusivity=diffusivity,
        void_fraction=void_fraction,
        permeability=permeability,
        free_in_plasma=free_in_plasma,
    )
    if clearance_rate is not None:
        rate = block.parameter("soluble_clearance_rate", clearance_rate, "1/h", "local clearance")
        block.add(Reaction(f"{species} ->", f"{rate}*{species}", name=f"clear_{species}"))
    name = block.name("soluble")
    block.add(Rule(name, f"{species}/{void}", unit="nM"), Output(name, unit="nM"))
    return block.model()


def steric_exclusion(target: str, drugs: Sequence[str], *, hidden: Value = None) -> Model:
    r"""Return the target left open by large carriers, each of which hides its neighbors.

    .. math:: S_{open} = \max(S - h \sum_i B_i, 0)

    where each bound carrier hides h further targets, the ratio of its shadow on the membrane to the
    area per target, less one.  Give the rule ``open_<target>`` to `krogh.model.engagement.binding`
    as ``accessible="open_<target>"``.  With one drug of high affinity the surface is full at
    :math:`\sum B = S_{tot}/(1 + h)`.

    Parameters
    ----------
    target
        Label of the target.
    drugs
        Labels of the drugs whose bound forms hide it.
    hidden
        :math:`h`, dimensionless, 0 or more.

    Raises
    ------
    SpecError
        KG-101 without a drug, KG-108 for a negative h.
    """
    if not drugs:
        raise SpecError(f"KG-101: steric_exclusion({target!r}) needs at least one drug.")
    block = Block("steric exclusion", target, "targets hidden by bound carriers")
    h = ratio(block, "hidden", hidden, f"{target} hidden by a bound carrier")
    bound = " + ".join(f"B_{d}" for d in drugs)
    block.add(
        Rule(block.name("open"), f"max({block.name('S')} - {h}*({bound}), 0[nM])", note=block.note)
    )
    return block.model()
