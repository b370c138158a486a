"""Drug in cells of the tissue: small molecules in tumor cells, and what macrophages take away.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import Output, Rate, Reaction, Rule, Species
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.naming import ratio

__all__ = ["cell_uptake", "macrophage_uptake"]


def cell_uptake(
    drug: str,
    *,
    outside: Signal | None = None,
    passive: bool = True,
    uptake_rate: Value = None,
    efflux_rate: Value = None,
    saturable_uptake: bool = False,
    uptake_capacity: Value = None,
    uptake_constant: Value = None,
    saturable_efflux: bool = False,
    efflux_capacity: Value = None,
    efflux_constant: Value = None,
    cell_density: Value = None,
) -> Model:
    r"""Return a small molecule in cells: passive passage, carriers inward, pumps outward.

    With the free interstitial concentration :math:`C_e`, drug in cells C per total tissue volume,
    the cells' part :math:`\varphi = 1 - \varepsilon` of it and :math:`C_i = C/\varphi`:

    .. math::
        \dot C = \varphi k_{in} C_e - k_{out} C
                 + \varphi V_u \frac{C_e}{K_u + C_e} - \varphi V_e \frac{C_i}{K_e + C_i},
        \qquad \dot F = \dots - \dot C

    Saturable uptake and efflux of doxorubicin: El-Kareh & Secomb 2000, doi 10.1038/sj.neo.7900096
    (unverified); Eikenberry 2009, doi 10.1186/1742-4682-6-16.

    Parameters
    ----------
    drug
        Label of the drug; the state is ``C_<drug>``.
    outside
        Concentration that the cells see instead of ``free_<drug>``, for example free and
        protein-bound drug.
    passive, uptake_rate, efflux_rate
        Whether the drug passes the membrane by itself; :math:`k_{in}, k_{out}`, 1/time.
    saturable_uptake, uptake_capacity, uptake_constant
        Whether carriers take it up; :math:`V_u` (concentration in the cells' volume per time) and
        :math:`K_u` (free concentration outside).
    saturable_efflux, efflux_capacity, efflux_constant
        Whether pumps (P-gp, BCRP) or a saturable way back bring it out; :math:`V_e` and
        :math:`K_e` (concentration in the cells' volume).
    cell_density
        If given, the output ``uptake_<drug>`` counts molecules per cell; shared name
        ``cell_density``.

    Notes
    -----
    Outputs: ``intracellular_<drug>`` (:math:`C_i`) and, with cell_density, ``uptake_<drug>``.

    Raises
    ------
    SpecError
        KG-101 without any way in or out; KG-112 for values of steps that are switched off.
    UnitError
        KG-121 for a value of another dimension.
    """
    title = f"cell_uptake({drug!r})"
    if not (passive or saturable_uptake):
        raise SpecError(f"KG-101: {title} needs passive=True or saturable_uptake=True.")
    block = Block("drug in cells", drug, "uptake into and efflux from cells [elkareh_secomb_2000]")
    free, cell = block.name("F"), block.name("C")
    seen = block.name("free") if outside is None else written(outside)
    part, inner = block.name("cells"), block.name("intracellular")
    block.add(
        Rule(part, f"1 - {block.name('void_fraction')}", note="part of the volume that is cells"),
        Rule(inner, f"{cell}/{part}", unit="nM", note="drug in the cells' volume"),
        Species(cell, "nM", note=block.note),
        Output(inner, unit="nM"),
    )
    if passive:
        k_in = block.parameter("uptake_rate", uptake_rate, "1/h", "passage into cells")
        k_out = block.parameter("efflux_rate", efflux_rate, "1/h", "passage out of cells")
        block.add(
            Reaction(
                f"{free} <-> {cell}",
                f"{part}*{k_in}*{seen}",
                f"{k_out}*{cell}",
                name=f"passage_{cell}",
            )
        )
    else:
        refuse({"uptake_rate": uptake_rate, "efflux_rate": efflux_rate}, f"{title} not passive")
    for used, word, capacity, constant, way, driver in (
        (
            saturable_uptake,
            "uptake",
            uptake_capacity,
            uptake_constant,
            f"{free} -> {cell}",
            seen,
        ),
        (
            saturable_efflux,
            "efflux",
            efflux_capacity,
            efflux_constant,
            f"{cell} -> {free}",
            inner,
        ),
    ):
        if not used:
            refuse(
                {f"{word}_capacity": capacity, f"{word}_constant": constant},
                f"{title} without saturable {word}",
            )
            continue
        v = block.parameter(f"{word}_capacity", capacity, "nM/h", f"capacity of {word}")
        k = block.parameter(f"{word}_constant", constant, "nM", "half-saturation")
        law = f"{part}*michaelis_menten({driver}, {v}, {k})"
        block.add(Reaction(way, law, name=f"{word}_{cell}"))
    if cell_density is not None:
        shared = Block("cells")
        shared.parameter("cell_density", cell_density, "cells/mL", "cells per tissue volume")
        name = block.name("uptake")
        block.add(
            *shared.components,
            Rule(name, f"{cell}/cell_density", unit="molecules/cell"),
            Output(name, unit="molecules/cell"),
        )
    return block.model()


def macrophage_uptake(
    drug: str,
    *,
    uptake_clearance: Value = None,
    macrophage_density: Value = None,
    saturation_constant: Value = None,
    release_rate: Value = None,
    released: str | None = None,
    load: Value = None,
) -> Model:
    r"""Return the uptake of a drug by macrophages, which compete with the target for it.

    .. math:: \dot K = \mathrm{cl}\,\rho\,C\left[\frac{1}{1 + C/K_m}\right] - k_r K, \qquad
              \dot F = \dots - \mathrm{cl}\,\rho\,C [\dots]

    with the free interstitial concentration C.  Macrophages that take up carriers may release what
    these hold (a depot).

    Parameters
    ----------
    drug
        Label of the drug; the state is ``K_<drug>``.
    uptake_clearance
        cl, volume cleared per macrophage and time; ``uptake_clearance_<drug>``.
    macrophage_density
        :math:`\rho`, macrophages per total tissue volume; the shared name ``macrophage_density``.
    saturation_constant
        :math:`K_m`; not saturable if left out.
    release_rate
        :math:`k_r`, 1/time; kept if left out.
    released, load
        Label of the drug that is released (its F receives it), and how much of it per drug held.

    Raises
    ------
    SpecError
        KG-112 for `released` or `load` without `release_rate`, or one without the other.
    UnitError
        KG-121 for a value of another dimension.
    """
    title = f"macrophage_uptake({drug!r})"
    if release_rate is None:
        refuse({"released": released, "load": load}, f"{title} without release_rate")
    if released is None:
        refuse({"load": load}, f"{title} without released")
    block = Block("uptake by macrophages", drug, "uptake by macrophages")
    cl = block.parameter("uptake_clearance", uptake_clearance, "uL/h/cell", "by a macrophage")
    shared = Block("macrophages")
    shared.parameter("macrophage_density", macrophage_density, "cells/mL", "per tissue volume")
    held, free, name = block.name("K"), block.name("free"), block.name("in_macrophages")
    law = f"{cl}*macrophage_density*{free}"
    if saturation_constant is not None:
        k = block.parameter("macrophage_constant", saturation_constant, "nM", "half-saturation")
        law += f"/(1 + {free}/{k})"
    block.add(
        *shared.components,
        Species(held, "nM", note=block.note),
        Reaction(f"{block.name('F')} -> {held}", law, name=f"take_{held}"),
        Rule(name, held, unit="nM"),
        Output(name, unit="nM"),
    )
    if release_rate is not None:
        k = block.parameter("macrophage_release_rate", release_rate, "1/h", "release")
        block.add(Reaction(f"{held} ->", f"{k}*{held}", name=f"release_{held}"))
        if released is not None:
            n = ratio(block, "macrophage_load", load, f"{released} per {drug}")
            block.add(Rate(f"F_{released}", f"{n}*{k}*{held}", name=f"release_{held}"))
    return block.model()
