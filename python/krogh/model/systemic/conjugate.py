"""Antibody-drug conjugates as a chain of drug-to-antibody ratios, with the free payload.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from krogh.errors import SpecError
from krogh.model.components import DoseInput, Output, Parameter, Rate, Rule, Species
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["conjugate_chain"]

_MIXING: Final = "0.1[s]"
"""Time constant with which a dose spreads over the ratios; see `conjugate_chain`."""


def conjugate_chain(
    highest: int = 8,
    *,
    peripheral: bool = True,
    deconjugation: Literal["per_payload", "per_step"] = "per_payload",
    payload: bool = True,
    amount: str = "nmol",
    molar_mass: str | None = None,
    fractions: Sequence[float] | None = None,
    drug: str = "",
    CL: Value = None,
    CL_per_payload: Value = 0.0,
    V1: Value = None,
    Q: Value = None,
    V2: Value = None,
    kdec: Value | Sequence[Value] = None,
    CL_payload: Value = None,
    V_payload: Value = None,
    released: Value = 1.0,
) -> Model:
    """Return a conjugate as one state per drug-to-antibody ratio (DAR), in nmol of antibody.

    For n = 0 ... highest, in ``central<n>`` (and ``peripheral<n>``), with ``C_n = central_n/V1``
    (Bender 2014, with all species sharing distribution)::

        d(central_n)/dt = - CL_n*C_n - Q*(C_n - peripheral_n/V2)
                          - k_n*central_n + k_(n+1)*central_(n+1)
        CL_n = CL*(1 + CL_per_payload*n)
        k_n  = n*kdec                 (per_payload: every linker breaks alike)
        k_n  = kdec<n>                (per_step: an own constant for each step)
        d(payload)/dt = sum of k_n*(central_n + peripheral_n) + released*sum of n*CL_n*C_n
                        - CL_payload*payload/V_payload

    Peripheral conjugate loses payload at the same rates.  Deconjugation and distribution conserve
    the antibody.  Outputs: ``total_antibody`` (all n), ``conjugated_antibody`` (n >= 1),
    ``conjugated_payload`` (n per antibody), ``DAR`` (their ratio to the total), ``Cp_payload``.

    Doses go into ``mixture``, which passes the fraction ``f<n>`` into ``central<n>`` with a time
    constant of 0.1 s.  That changes a plasma curve by a relative ``0.1 s * (CL + Q)/V1``, below
    1e-6 for antibodies, and loses nothing.

    Parameters
    ----------
    highest
        Highest ratio, 1 to 16.
    peripheral
        Whether there is a peripheral compartment.
    deconjugation
        Which rate constants the steps have.
    payload
        Whether the free payload is a state.
    amount
        Unit of the states, an amount of substance.
    molar_mass
        Name of the parameter with the antibody's molar mass, for doses in mg.
    fractions
        Distribution of the dose over n = 0 ... highest, adding up to 1; left open if None.
    drug
        Put behind every name.
    CL
        Clearance of the naked antibody.
    CL_per_payload
        Relative increase of clearance with each payload.
    V1, Q, V2
        Volumes and distribution clearance.
    kdec
        Rate constant of deconjugation, 1/time; with ``per_step`` a sequence for n = 1 ... highest.
    CL_payload, V_payload
        Disposition of the payload.
    released
        Fraction of the payload of eliminated antibody that reaches the plasma.

    Raises
    ------
    SpecError
        KG-108 for a ratio, a choice, or fractions that do not add up to 1; KG-112 for parameters
        that do not apply.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block(
        "conjugate", drug, "conjugate as a chain of drug-to-antibody ratios [bender_2014]"
    )
    if not isinstance(highest, int) or not 1 <= highest <= 16:
        raise SpecError(f"KG-108: the highest drug-to-antibody ratio is 1 to 16, not {highest!r}.")
    block.choice(deconjugation, ("per_payload", "per_step"), "the deconjugation")
    block.parameter("CL", CL, "L/d", "clearance of the naked antibody")
    block.parameter("CL_per_payload", CL_per_payload, "", "relative clearance per payload")
    block.parameter("V1", V1, "L", "volume of the central compartment")
    if peripheral:
        block.parameter("Q", Q, "L/d", "distribution clearance")
        block.parameter("V2", V2, "L", "volume of the peripheral compartment")
    _deconjugation_parameters(block, highest, deconjugation, kdec)
    _fractions(block, highest, fractions)
    mixture = block.name("mixture")
    block.add(
        Species(mixture, amount, molar_mass=molar_mass, note=block.note),
        Rate(mixture, f"-{mixture}/{_MIXING}", name="dose"),
        DoseInput(mixture, route="iv", drug=drug),
    )
    steps = [_step_constant(block, n, deconjugation) for n in range(highest + 1)]
    for n in range(highest + 1):
        _member(block, n, highest, steps, peripheral, amount)
    _sums(block, highest)
    if payload:
        _payload(block, highest, steps, peripheral, amount, CL_payload, V_payload, released)
    elif CL_payload is not None or V_payload is not None:
        raise SpecError("KG-112: 'CL_payload' and 'V_payload' need payload=True.")
    return block.model()


def _deconjugation_parameters(
    block: Block, highest: int, kind: str, kdec: Value | Sequence[Value]
) -> None:
    if kind == "per_payload":
        if isinstance(kdec, Sequence) and not isinstance(kdec, str):
            raise SpecError("KG-112: several values of 'kdec' need deconjugation='per_step'.")
        block.parameter("kdec", kdec, "1/d", "deconjugation per payload")
        return
    values: Sequence[Value] = [None] * highest
    if kdec is not None:
        if isinstance(kdec, str) or not isinstance(kdec, Sequence) or len(kdec) != highest:
            raise SpecError(f"KG-112: 'kdec' needs one value for each n = 1 ... {highest}.")
        values = kdec
    for n, value in enumerate(values, start=1):
        block.parameter(f"kdec{n}", value, "1/d", f"deconjugation from {n} to {n - 1}")


def _step_constant(block: Block, n: int, kind: str) -> str:
    """Return the rate constant from ratio n to n - 1 as text; empty for n = 0."""
    if n == 0:
        return ""
    return f"{n}*{block.name('kdec')}" if kind == "per_payload" else block.name(f"kdec{n}")


def _fractions(block: Block, highest: int, fractions: Sequence[float] | None) -> None:
    if fractions is None:
        return
    if len(fractions) != highest + 1:
        raise SpecError(
            f"KG-108: n = 0 ... {highest} needs {highest + 1} fractions, found {len(fractions)}."
        )
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise SpecError(
            f"KG-108: fractions must not be negative and add up to 1, not {sum(fractions)}."
        )
    for n, value in enumerate(fractions):
        note = f"fraction of the dose with {n} payloads"
        block.add(Parameter(block.name(f"f{n}"), value, lower=0, upper=1, note=note))


def _member(
    block: Block,
    n: int,
    highest: int,
    steps: list[str],
    peripheral: bool,
    amount: str,
) -> None:
    """Add the states with n payloads and their rates."""
    central, outer = block.name(f"central{n}"), block.name(f"peripheral{n}")
    concentration, clearance = block.name(f"C{n}"), block.name(f"CL{n}")
    block.add(
        Species(central, amount),
        Rule(concentration, block.text(f"{central}/{{V1}}")),
        Rule(clearance, block.text(f"{{CL}}*(1 + {{CL_per_payload}}*{n})")),
        Rate(central, f"-{clearance}*{concentration}", name="elimination"),
        Rate(central, block.text(f"{{f{n}}}*{{mixture}}/{_MIXING}"), name="dose"),
    )
    places = [("central", central)]
    if peripheral:
        flow = block.text(f"{{Q}}*{concentration} - {{Q}}*{outer}/{{V2}}")
        block.add(
            Species(outer, amount),
            Rate(central, f"-({flow})", name=f"to_{outer}"),
            Rate(outer, flow, name=f"from_{central}"),
        )
        places.append(("peripheral", outer))
    for place, state in places:
        if n > 0:
            block.add(Rate(state, f"-{steps[n]}*{state}", name="deconjugation"))
        if n < highest:
            above = block.name(f"{place}{n + 1}")
            block.add(Rate(state, f"{steps[n + 1]}*{above}", name="from_above"))


def _sums(block: Block, highest: int) -> None:
    """Add the analytes that assays measure."""
    every = [block.name(f"C{n}") for n in range(highest + 1)]
    weighted = " + ".join(f"{n}*{every[n]}" for n in range(1, highest + 1))
    total, drug = block.name("total_antibody"), block.name("conjugated_payload")
    conjugated, ratio = block.name("conjugated_antibody"), block.name("DAR")
    block.add(
        Rule(total, " + ".join(every)),
        Rule(conjugated, " + ".join(every[1:])),
        Rule(drug, weighted),
        Rule(ratio, f"if({total} > 0[nM], {drug}/max({total}, 1e-30[nM]), 0)"),
        Output(total, total, unit="nM"),
        Output(conjugated, conjugated, unit="nM"),
        Output(drug, drug, unit="nM"),
        Output(ratio, ratio, unit=""),
    )


def _payload(
    block: Block,
    highest: int,
    steps: list[str],
    peripheral: bool,
    amount: str,
    CL_payload: Value,
    V_payload: Value,
    released: Value,
) -> None:
    """Add the free payload."""
    block.parameter("CL_payload", CL_payload, "L/d", "clearance of the payload")
    block.parameter("V_payload", V_payload, "L", "volume of the payload")
    block.parameter("released", released, "", "fraction of catabolized payload that is released")
    places = ["central", "peripheral"] if peripheral else ["central"]
    lost = " + ".join(
        f"{steps[n]}*{block.name(f'{place}{n}')}" for place in places for n in range(1, highest + 1)
    )
    cleared = " + ".join(
        f"{n}*{block.name(f'CL{n}')}*{block.name(f'C{n}')}" for n in range(1, highest + 1)
    )
    state, cp = block.name("payload"), block.name("Cp_payload")
    block.add(
        Species(state, amount),
        Rule(cp, block.text(f"{state}/{{V_payload}}")),
        Rate(state, lost, name="deconjugation"),
        Rate(state, block.text(f"{{released}}*({cleared})"), name="catabolism"),
        Rate(state, block.text(f"-{{CL_payload}}*{cp}"), name="elimination"),
        Output(cp, cp, unit="nM"),
    )
