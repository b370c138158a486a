"""Indirect response: production and loss of a response, its precursor, and of targets.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Literal

from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["indirect_response", "precursor_response", "target_turnover"]


def indirect_response(
    kind: Literal["I", "II", "III", "IV"],
    driver: Signal = "Cp",
    *,
    driver_unit: str = "mg/L",
    response: str = "response",
    unit: str = "",
    label: str = "",
    R0: Value = None,
    kout: Value = None,
    Imax: Value = None,
    IC50: Value = None,
    Smax: Value = None,
    SC50: Value = None,
    nH: Value = 1.0,
) -> Model:
    r"""Return one of the four basic models of indirect response.

    .. math:: \dot R = k_{in} f_{in}(C) - k_{out} f_{out}(C) R,
              \quad k_{in} = k_{out} R_0,\quad R(0) = R_0

    with one of the factors :math:`1 - I_{max} C^h/(IC_{50}^h + C^h)` (I: on production, II: on
    loss) or :math:`1 + S_{max} C^h/(SC_{50}^h + C^h)` (III: on production, IV: on loss), the other
    being 1.  At a constant driver the response tends to :math:`R_0 f_{in}/f_{out}`.  Dayneka, Garg
    & Jusko 1993, Equations 1-6, doi 10.1007/BF01061691; the exponent :math:`h` is that of
    `krogh.model.effect.emax`.

    Parameters
    ----------
    kind
        I inhibits production, II inhibits loss, III stimulates production, IV stimulates loss.
    driver, driver_unit
        The quantity that acts, and a unit of its dimension.
    response, unit
        Name and unit of the response; the rules ``kin_<response>`` and ``factor_<response>`` are
        its production and the factor of the drug.
    label
        Put behind every name.
    R0
        Response without drug, in `unit`.
    kout
        Rate constant of loss, 1/time.
    Imax, IC50
        Largest inhibition (at most 1) and the driver at half of it, for I and II.
    Smax, SC50
        Largest stimulation and the driver at half of it, for III and IV.
    nH
        Hill coefficient.

    Raises
    ------
    SpecError
        KG-108 for another kind; KG-112 for parameters of the other kinds.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block(f"indirect response {kind}", label, "indirect response [dayneka_1993]")
    block.choice(kind, ("I", "II", "III", "IV"), "the kind")
    block.parameter("R0", R0, unit, "response without drug")
    block.parameter("kout", kout, "1/h", "loss of the response")
    block.parameter("nH", nH, "", "Hill coefficient")
    if kind in ("I", "II"):
        refuse({"Smax": Smax, "SC50": SC50}, f"indirect response {kind}")
        block.parameter("Imax", Imax, "", "largest inhibition")
        block.parameter("IC50", IC50, driver_unit, "driver at half the largest inhibition")
        factor = f"1 - {{Imax}}*hill({driver}, {{IC50}}, {{nH}})"
    else:
        refuse({"Imax": Imax, "IC50": IC50}, f"indirect response {kind}")
        block.parameter("Smax", Smax, "", "largest stimulation")
        block.parameter("SC50", SC50, driver_unit, "driver at half the largest stimulation")
        factor = f"1 + {{Smax}}*hill({driver}, {{SC50}}, {{nH}})"
    state = block.name(response)
    kin, scale = block.name(f"kin_{response}"), block.name(f"factor_{response}")
    on_production = kind in ("I", "III")
    production = f"{kin}*{scale}" if on_production else kin
    loss = block.text("{kout}") + f"*{state}" + ("" if on_production else f"*{scale}")
    block.add(
        Species(state, unit, initial=block.text("{R0}"), note=block.note),
        Rule(kin, block.text("{kout}*{R0}")),
        Rule(scale, block.text(factor)),
        Rate(state, production, name="production"),
        Rate(state, f"-{loss}", name="loss"),
        Output(state, state, unit=unit),
    )
    return block.model()


def precursor_response(
    factor: Signal,
    *,
    response: str = "response",
    unit: str = "",
    label: str = "",
    R0: Value = None,
    P0: Value = None,
    kout: Value = None,
) -> Model:
    """Return an indirect response with a precursor pool, which shows tolerance and rebound.

    ::

        k0 = kout*R0,   kp = k0/P0
        d(precursor)/dt = k0 - kp*factor*precursor,        precursor(0) = P0
        d(response)/dt  = kp*factor*precursor - kout*response,   response(0) = R0

    A lasting change of the factor changes the response only until the pool has adjusted; when the
    factor returns to 1 the response overshoots to the other side.  Sharma, Ebling & Jusko 1998,
    J Pharm Sci 87:1577-1584 (model without loss of the precursor).

    Parameters
    ----------
    factor
        Dimensionless rule or expression, 1 without drug: `emax` with ``form="fraction"``.
    response, unit
        Name and unit of the response; ``precursor_<response>`` is the pool, in the same unit.
    label
        Put behind every name.
    R0, P0
        Response and precursor without drug, in `unit`.
    kout
        Rate constant of loss, 1/time.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("precursor response", label, "response with a precursor pool [sharma_1998]")
    block.parameter("R0", R0, unit, "response without drug")
    block.parameter("P0", P0, unit, "precursor without drug")
    block.parameter("kout", kout, "1/h", "loss of the response")
    state, pool = block.name(response), block.name(f"precursor_{response}")
    flux = block.name(f"release_{response}")
    block.add(
        Species(pool, unit, initial=block.text("{P0}"), note=block.note),
        Species(state, unit, initial=block.text("{R0}"), note=block.note),
        Rule(flux, block.text(f"{{kout}}*{{R0}}/{{P0}}*{written(factor)}*{pool}")),
        Rate(pool, block.text("{kout}*{R0}"), name="production"),
        Rate(pool, f"-{flux}", name="release"),
        Rate(state, flux, name="release"),
        Rate(state, block.text(f"-{{kout}}*{state}"), name="loss"),
        Output(state, state, unit=unit),
    )
    return block.model()


def target_turnover(
    *,
    target: str = "target",
    unit: str = "nM",
    synthesis: Signal | None = None,
    degradation: Signal | None = None,
    label: str = "",
    R0: Value = None,
    kdeg: Value = None,
) -> Model:
    """Return a target whose amount the treatment raises or lowers.

    ::

        d(target)/dt = kdeg*R0*synthesis - kdeg*degradation*target,   target(0) = R0

    Both factors are dimensionless and 1 at rest.  Down-regulation: degradation driven by occupancy
    or by a degrader, for example ``degradation="1 + Smax*occupancy"``; up-regulation: synthesis
    driven by the lost signal, ``synthesis="1 + Smax*(1 - signal)"``.  Turnover with regulated
    production and loss: Dayneka et al. 1993, doi 10.1007/BF01061691.  A target that also binds
    keeps its binding from `krogh.model.systemic.target_full`; there the hook is `scaled_parameter`
    on ``ksyn`` or ``kdeg``.

    Parameters
    ----------
    target, unit
        Name and unit of the target.
    synthesis, degradation
        Factors; 1 if left out.
    label
        Put behind every name.
    R0
        Amount at rest.
    kdeg
        Rate constant of degradation at rest, 1/time.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("target turnover", label, "target regulation by turnover [dayneka_1993]")
    block.parameter("R0", R0, unit, "target at rest")
    block.parameter("kdeg", kdeg, "1/h", "degradation at rest")
    state = block.name(target)
    gain = "{kdeg}*{R0}" + ("" if synthesis is None else f"*{written(synthesis)}")
    loss = f"-{{kdeg}}*{state}" + ("" if degradation is None else f"*{written(degradation)}")
    block.add(
        Species(state, unit, initial=block.text("{R0}"), note=block.note),
        Rate(state, block.text(gain), name="synthesis"),
        Rate(state, block.text(loss), name="degradation"),
        Output(state, state, unit=unit),
    )
    return block.model()
