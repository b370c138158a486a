"""Several drugs on one target, and a target that is shed into the plasma.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from krogh.errors import SpecError, did_you_mean
from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.systemic.target import target_full

__all__ = ["shared_target", "soluble_target"]


def shared_target(
    drugs: Sequence[str],
    *,
    target: str = "R",
    molar_mass: Mapping[str, str] | None = None,
    kon: Mapping[str, Value] | None = None,
    koff: Mapping[str, Value] | None = None,
    kint: Mapping[str, Value] | None = None,
    ksyn: Value = None,
    kdeg: Value = None,
) -> Model:
    """Return a target that several drugs compete for, with full binding of each.

    For naked antibody and conjugate, labeled tracer and cold drug, drug and competitor.  With the
    free drug ``C_d`` (``Cp_d``, per molar mass where that is given) of each drug d::

        d(central_d)/dt = ... - (kon_d*C_d*R - koff_d*RC_d)*V1_d
        dR/dt           = ksyn - kdeg*R - sum over d (kon_d*C_d*R - koff_d*RC_d)
        dRC_d/dt        = kon_d*C_d*R - (koff_d + kint_d)*RC_d

    ``occupancy`` counts all drugs.  Build each drug by `compartments(..., drug=d)` and so on.

    Parameters
    ----------
    drugs
        Suffixes of the drugs, at least two.
    target
        Name of the target.
    molar_mass
        By drug, the name of the parameter with its molar mass, where its states are masses.
    kon, koff, kint
        By drug: rate constants as in `target_full`; the names are ``kon_<drug>`` and so on.
    ksyn, kdeg
        Turnover of the target.

    Raises
    ------
    SpecError
        KG-101 for fewer than two drugs or a repeated one; KG-103 for a drug that is not listed.
    UnitError
        KG-121 for a value of another dimension.
    """
    if len(set(drugs)) < 2 or len(set(drugs)) != len(drugs):
        raise SpecError(f"KG-101: shared_target needs two or more different drugs, not {drugs!r}.")
    tables = {"molar_mass": molar_mass, "kon": kon, "koff": koff, "kint": kint}
    for what, table in tables.items():
        for drug in table or {}:
            if drug not in drugs:
                raise SpecError(
                    f"KG-103: {what} names the drug {drug!r}, which is not listed."
                    f"{did_you_mean(drug, drugs)}"
                )
    block = Block(
        f"binding of {', '.join(drugs)} to {target}",
        note="full binding of several drugs to one target [mager_jusko_2001]",
    )
    block.parameter("ksyn", ksyn, "nM/d", f"synthesis of target {target}")
    block.parameter("kdeg", kdeg, "1/d", f"degradation of free target {target}")
    block.add(
        Species(target, "nM", initial="ksyn/kdeg", note=block.note),
        Rate(target, f"ksyn - kdeg*{target}", name="turnover"),
    )
    complexes = []
    for drug in drugs:
        mass = (molar_mass or {}).get(drug)
        block.parameter(f"kon_{drug}", (kon or {}).get(drug), "1/nM/d", "binding rate constant")
        block.parameter(f"koff_{drug}", (koff or {}).get(drug), "1/d", "dissociation rate constant")
        block.parameter(f"kint_{drug}", (kint or {}).get(drug), "1/d", "internalization")
        free = f"Cp_{drug}/{mass}" if mass else f"Cp_{drug}"
        complex_name = f"{target}C_{drug}"
        complexes.append(complex_name)
        flux = f"kon_{drug}*({free})*{target} - koff_{drug}*{complex_name}"
        scaled = f"-({flux})*V1_{drug}" + (f"*{mass}" if mass else "")
        block.add(
            Species(complex_name, "nM"),
            Rate(complex_name, flux, name="binding"),
            Rate(complex_name, f"-kint_{drug}*{complex_name}", name="internalization"),
            Rate(target, f"-({flux})", name=f"binding_{complex_name}"),
            Rate(f"central_{drug}", scaled, name=f"binding_{target}"),
            Output(complex_name, complex_name, unit="nM"),
        )
    bound = " + ".join(complexes)
    block.add(
        Output(target, target, unit="nM"),
        Rule("occupancy", f"({bound})/({target} + {bound})", note="share of target bound"),
        Output("occupancy", "occupancy", unit=""),
    )
    return block.model()


def soluble_target(
    name: str = "S",
    *,
    shed_from: str | None = None,
    molar_mass: str | None = None,
    drug: str = "",
    kon: Value = None,
    koff: Value = None,
    kint: Value = None,
    ksyn: Value = None,
    kdeg: Value = None,
    kshed: Value = None,
) -> Model:
    """Return a soluble target in the plasma, which the drug binds, possibly shed from cells.

    The equations of `target_full` for the soluble target S with its own parameters (``kon_S``,
    ..., where ``kint_S`` clears the complex ``SC``).  With `shed_from` a membrane target R and its
    complex give it off: of their losses ``kdeg*R`` and ``kint*RC`` the parts ``kshed*R`` and
    ``kshed*RC`` appear in the plasma, ::

        dS/dt  = ... + kshed*R        S(0) = (ksyn_S + kshed*ksyn/kdeg)/kdeg_S
        dSC/dt = ... + kshed*RC

    so that kshed is at most kdeg and kint.

    Parameters
    ----------
    name
        Name of the soluble target.
    shed_from
        Name of the membrane target of `target_full` that sheds it.
    molar_mass, drug, kon, koff, kint, ksyn, kdeg
        As in `target_full`.  ``ksyn`` may be 0 where all of it is shed.
    kshed
        Rate constant of shedding, 1/time.

    Raises
    ------
    SpecError
        KG-112 for kshed without `shed_from`.
    UnitError
        KG-121 for a value of another dimension.
    """
    if kshed is not None and shed_from is None:
        raise SpecError("KG-112: 'kshed' needs shed_from, the name of the membrane target.")
    soluble = target_full(
        target=name,
        molar_mass=molar_mass,
        drug=drug,
        kon=kon,
        koff=koff,
        kint=kint,
        ksyn=ksyn,
        kdeg=kdeg,
    ).with_name(f"soluble target {name}")
    if shed_from is None:
        return soluble
    block = Block(f"shedding of {name} from {shed_from}", drug)
    block.parameter("kshed", kshed, "1/d", f"shedding of {shed_from}")
    end = "" if shed_from == "R" else f"_{shed_from}"
    start = f"({{ksyn_{name}}} + {{kshed}}*{{ksyn{end}}}/{{kdeg{end}}})/{{kdeg_{name}}}"
    free, bound = block.name(name), block.name(f"{name}C")
    block.add(
        Rate(free, block.text(f"{{kshed}}*{{{shed_from}}}"), name="shedding"),
        Rate(bound, block.text(f"{{kshed}}*{{{shed_from}C}}"), name="shedding"),
    )
    note = "soluble target, shed from cells [mager_jusko_2001]"
    shed = soluble.replace(Species(free, "nM", initial=block.text(start), note=note))
    return shed + block.model()
