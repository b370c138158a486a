"""The payload of a conjugate: release in cells, leakage, diffusion, its target and efflux.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model.components import Output, Rate, Reaction, Rule, Species
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.extravasation import mobile
from krogh.model.tissue.naming import ratio

__all__ = ["payload"]


def payload(
    drug: str,
    *,
    drug_antibody_ratio: Value = None,
    source: Signal | None = None,
    diffusivity: Value = None,
    void_fraction: Value = None,
    permeability: Value = None,
    plasma: str | None = None,
    free_in_plasma: Value = 1.0,
    uptake_rate: Value = None,
    efflux_rate: Value = None,
    target_density: Value = None,
    association_rate: Value = None,
    dissociation_rate: Value = None,
    binding: bool = True,
    saturable_efflux: bool = False,
    efflux_capacity: Value = None,
    efflux_constant: Value = None,
    saturable_uptake: bool = False,
    uptake_capacity: Value = None,
    uptake_constant: Value = None,
    clearance_rate: Value = None,
    cell_density: Value = None,
) -> Model:
    r"""Return the payload that a degraded conjugate sets free in the cells.

    Three species per total tissue volume: e outside the cells (mobile), i free in cells, b bound to
    the payload's own target.  With the payload's void fraction :math:`\varepsilon_p` and the cells'
    part :math:`\varphi = 1 - \varepsilon_p` of the volume, :math:`C_e = e/\varepsilon_p` and
    :math:`C_i = i/\varphi` are the concentrations outside and inside:

    .. math::
        \dot e &= \text{transport} - \varphi k_{in} C_e + k_{out} i
                  + \varphi V_e \frac{C_i}{K_e + C_i} - \varphi V_u \frac{C_e}{K_u + C_e} - k_{cl} e
                  \\
        \dot i &= \mathrm{DAR}\,k_{deg} L + \varphi k_{in} C_e - k_{out} i
                  - \varphi V_e \frac{C_i}{K_e + C_i} + \varphi V_u \frac{C_e}{K_u + C_e}
                  - k_{on} C_i (\varphi T - b) + k_{off} b \\
        \dot b &= k_{on} C_i (\varphi T - b) - k_{off} b

    Khera et al. 2018, doi 10.1039/C7ME00093F, here with what transporters pump out arriving
    outside.  The payload leaves through the vessel wall (washout for ``plasma=None``).

    Parameters
    ----------
    drug
        Label of the conjugate: ``payload_out_<drug>``, ``payload_in_<drug>``,
        ``payload_bound_<drug>``; parameters ``payload_diffusivity_<drug>`` and so on.
    drug_antibody_ratio
        Payloads per antibody (DAR); the name ``drug_antibody_ratio_<drug>``.
    source
        Release in cells, nM of payload per time, instead of DAR times ``degradation_rate_<drug>``
        times ``L_<drug>`` of `binding` with ``fate="lysosome"``.
    diffusivity, void_fraction, permeability, plasma, free_in_plasma
        Transport of the payload outside cells, as in `krogh.model.tissue.free_drug`.
    uptake_rate, efflux_rate
        :math:`k_{in}, k_{out}`, 1/time: passive passage into and out of cells.
    binding, target_density, association_rate, dissociation_rate
        Whether the payload binds a target in cells; T (concentration in the cells' volume),
        :math:`k_{on}` and :math:`k_{off}`.
    saturable_efflux, efflux_capacity, efflux_constant
        Whether transporters (P-gp, BCRP) pump it out; :math:`V_e` (concentration in the cells'
        volume per time) and :math:`K_e`.
    saturable_uptake, uptake_capacity, uptake_constant
        Whether carriers take it up; :math:`V_u` and :math:`K_u`.
    clearance_rate
        Local loss outside cells, 1/time; no such step if left out.
    cell_density
        Cells per total tissue volume; the shared name ``cell_density``.

    Notes
    -----
    Outputs: ``payload_<drug>``, molecules per cell (free and bound inside), ``payload_free_<drug>``
    (nM outside), ``payload_inside_<drug>`` (nM, free in the volume of the cells), and
    ``payload_occupancy_<drug>`` of the payload's target.

    Raises
    ------
    SpecError
        KG-112 for values of steps that are switched off; KG-108 for fractions outside 0 .. 1.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("payload", drug, "payload in and around cells [khera_2018]")
    title = f"payload({drug!r})"
    _refuse_unused(
        title,
        binding=(binding, (target_density, association_rate, dissociation_rate)),
        saturable_efflux=(saturable_efflux, (efflux_capacity, efflux_constant)),
        saturable_uptake=(saturable_uptake, (uptake_capacity, uptake_constant)),
    )
    out, inside, bound = (block.name(f"payload_{p}") for p in ("out", "in", "bound"))
    void = mobile(
        block,
        out,
        prefix="payload_",
        what="the payload",
        plasma=plasma,
        diffusivity=diffusivity,
        void_fraction=void_fraction,
        permeability=permeability,
        free_in_plasma=free_in_plasma,
    )
    carried = ratio(block, "drug_antibody_ratio", drug_antibody_ratio, "payloads per antibody")
    k_in = block.parameter("payload_uptake_rate", uptake_rate, "1/h", "passage into cells")
    k_out = block.parameter("payload_efflux_rate", efflux_rate, "1/h", "passage out of cells")
    part, outer, inner = (block.name(f"payload_{n}") for n in ("cells", "free", "inside"))
    released = block.text("{degradation_rate}*{L}") if source is None else written(source)
    if source is None:
        released = f"{carried}*{released}"
    block.add(
        Rule(part, f"1 - {void}", note="part of the volume that is cells"),
        Rule(outer, f"{out}/{void}", unit="nM", note="payload outside cells"),
        Rule(inner, f"{inside}/{part}", unit="nM", note="free payload in the cells' volume"),
        Species(inside, "nM", note=block.note),
        Rate(inside, released, name="release"),
        Reaction(
            f"{out} <-> {inside}",
            f"{part}*{k_in}*{outer}",
            f"{k_out}*{inside}",
            name=block.name("payload_passage"),
        ),
        Output(outer, unit="nM"),
        Output(inner, unit="nM"),
    )
    if binding:
        _target(block, part, inner, target_density, association_rate, dissociation_rate)
    if saturable_efflux:
        v = block.parameter(
            "payload_efflux_capacity", efflux_capacity, "nM/h", "capacity of efflux"
        )
        k = block.parameter("payload_efflux_constant", efflux_constant, "nM", "half-saturation")
        law = f"{part}*michaelis_menten({inner}, {v}, {k})"
        block.add(Reaction(f"{inside} -> {out}", law, name=block.name("payload_pump")))
    if saturable_uptake:
        v = block.parameter(
            "payload_uptake_capacity", uptake_capacity, "nM/h", "capacity of uptake"
        )
        k = block.parameter("payload_uptake_constant", uptake_constant, "nM", "half-saturation")
        law = f"{part}*michaelis_menten({outer}, {v}, {k})"
        block.add(Reaction(f"{out} -> {inside}", law, name=block.name("payload_carrier")))
    if clearance_rate is not None:
        k = block.parameter("payload_clearance_rate", clearance_rate, "1/h", "loss outside cells")
        block.add(Reaction(f"{out} ->", f"{k}*{out}", name=block.name("payload_clearance")))
    shared = Block("cells")
    shared.parameter("cell_density", cell_density, "cells/mL", "cells per tissue volume")
    held = f"{inside} + {bound}" if binding else inside
    name = block.name("payload")
    block.add(
        *shared.components,
        Rule(name, f"({held})/cell_density", unit="molecules/cell", note="payload per cell"),
        Output(name, unit="molecules/cell"),
    )
    return block.model()


def _target(
    block: Block, part: str, inner: str, density: Value, association: Value, dissociation: Value
) -> None:
    """Add the payload's own target in the cells."""
    held, inside = block.name("payload_bound"), block.name("payload_in")
    total = block.parameter("payload_target_density", density, "nM", "target of the payload")
    on = block.parameter("payload_association_rate", association, "1/nM/h", "payload to its target")
    off = block.parameter("payload_dissociation_rate", dissociation, "1/h", "payload from it")
    taken = block.name("payload_occupancy")
    block.add(
        Species(held, "nM", note=block.note),
        Reaction(
            f"{inside} <-> {held}",
            f"{on}*{inner}*({part}*{total} - {held})",
            f"{off}*{held}",
            name=block.name("payload_binding"),
        ),
        Rule(taken, f"{held}/({part}*{total})", note="part of the payload's target bound"),
        Output(taken, unit=""),
    )


def _refuse_unused(title: str, **steps: tuple[bool, tuple[Value, ...]]) -> None:
    names = {
        "binding": ("target_density", "association_rate", "dissociation_rate"),
        "saturable_efflux": ("efflux_capacity", "efflux_constant"),
        "saturable_uptake": ("uptake_capacity", "uptake_constant"),
    }
    for step, (used, values) in steps.items():
        if not used:
            refuse(dict(zip(names[step], values, strict=True)), f"{title} with {step}=False")
