"""Growth laws of tumors, growth limited by oxygen, and kill with delayed clearance.

SPDX-License-Identifier: BSD-3-Clause

`growth` and `cell_kill` share the state of living cells: growth adds to it, kill moves cells from
it into stages in which they die and are cleared, and the size counts both.
"""

from __future__ import annotations

from typing import Literal

from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, chain, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["cell_kill", "growth", "oxygen_limits"]

Law = Literal["exponential", "linear-exponential", "gompertz", "logistic", "bertalanffy"]

_LAWS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "exponential": ("{kg}", ("kg",), "exponential growth"),
    "linear-exponential": (
        "{kg}/(1 + ({kg}*{size}/{kg_linear})^{psi})^(1/{psi})",
        ("kg", "kg_linear", "psi"),
        "exponential, then linear growth [simeoni_2004]",
    ),
    "gompertz": (
        "{kg}*log({capacity}/{size})",
        ("kg", "capacity"),
        "Gompertz growth [laird_1964]",
    ),
    "logistic": (
        "{kg}*(1 - {size}/{capacity})",
        ("kg", "capacity"),
        "logistic growth [verhulst_1838]",
    ),
    "bertalanffy": (
        "{kg}*(({capacity}/{size})^(1/3) - 1)",
        ("kg", "capacity"),
        "von Bertalanffy growth [bertalanffy_1957]",
    ),
}


def growth(
    law: Law = "exponential",
    *,
    state: str = "tumor",
    unit: str = "cm^3",
    size: str | None = None,
    factor: Signal | None = None,
    label: str = "",
    start: Value = None,
    kg: Value = None,
    kg_linear: Value = None,
    psi: Value = None,
    capacity: Value = None,
) -> Model:
    r"""Return a growing tumor: ``d(N)/dt = factor*r(w)*N``, N the living cells and w the size.

    ==================== ===========================================================
    law                  rate r(w)
    ==================== ===========================================================
    exponential          :math:`k_g`
    linear-exponential   :math:`k_g/[1 + (k_g w/k_l)^\psi]^{1/\psi}`
    gompertz             :math:`k_g \ln(K/w)`
    logistic             :math:`k_g (1 - w/K)`
    bertalanffy          :math:`k_g [(K/w)^{1/3} - 1]`
    ==================== ===========================================================

    Linear-exponential growth (Simeoni et al. 2004, doi 10.1158/0008-5472.CAN-03-2524) switches at
    :math:`w = k_l/k_g`; von Bertalanffy's :math:`a w^{2/3} - b w` has :math:`b = k_g` and
    :math:`a = k_g K^{1/3}` (1957, Q Rev Biol 32:217-231).  Gompertz: Laird 1964, doi
    10.1038/bjc.1964.55.

    Parameters
    ----------
    law
        See above.
    state, unit
        Living cells as mass, volume or number, and their unit.
    size
        Name of what limits growth; the state itself if left out, the rule of `cell_kill` where
        dying cells take room too.
    factor
        Dimensionless signal that scales growth: oxygen, a cytostatic drug.
    label
        Put behind every name.
    start
        Size at the start, in `unit`; the name ``<state>_start``.
    kg
        Rate constant, 1/time; the rule ``growth_rate_<state>`` is r(w).
    kg_linear
        Growth in the linear phase, `unit`/time.
    psi
        Sharpness of the switch; Simeoni fixed it at 20, which is the value if left out.
    capacity
        Size at which growth ends, in `unit`.

    Raises
    ------
    SpecError
        KG-108 for another law; KG-112 for parameters that it does not use.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("growth", label)
    block.choice(law, tuple(_LAWS), "the law")
    rate, used, block.note = _LAWS[law]
    given: dict[str, Value] = {"kg_linear": kg_linear, "psi": psi, "capacity": capacity}
    refuse({n: v for n, v in given.items() if n not in used}, f"{law} growth")
    block.parameter("kg", kg, "1/d", "growth rate constant")
    if "psi" in used:
        block.parameter("kg_linear", kg_linear, f"{unit}/d", "growth in the linear phase")
        block.parameter("psi", 20.0 if psi is None else psi, "", "sharpness of the switch")
    if "capacity" in used:
        block.parameter("capacity", capacity, unit, "size at which growth ends")
    block.parameter(f"{state}_start", start, unit, "size at the start")
    cells, speed = block.name(state), block.name(f"growth_rate_{state}")
    scale = "" if factor is None else f"{written(factor)}*"
    block.add(
        Species(cells, unit, initial=block.name(f"{state}_start"), note=block.note),
        Rule(
            speed,
            block.text(rate, size=cells if size is None else block.name(size)),
            unit="1/d",
        ),
        Rate(cells, f"{scale}{speed}*{cells}", name="growth"),
        Output(cells, cells, unit=unit),
    )
    return block.model()


def cell_kill(
    kill: Signal,
    number: int = 3,
    *,
    state: str = "tumor",
    unit: str = "cm^3",
    size: str = "tumor_size",
    label: str = "",
    kclear: Value = None,
) -> Model:
    """Return the kill of living cells, which stay for a while as dying ones.

    ::

        d(N)/dt      = ... - kill*N
        d(dying1)/dt = kill*N - kclear*dying1
        d(dyingi)/dt = kclear*(dying(i-1) - dyingi)
        size         = N + dying1 + ... + dying<number>

    The time from damage to clearance has the mean ``number/kclear``.  Simeoni et al. 2004, doi
    10.1158/0008-5472.CAN-03-2524, Equations 6-9.

    Parameters
    ----------
    kill
        Rate of kill per living cell, 1/time: `emax` with ``unit="1/d"``, or a sum of several.
    number
        Stages of dying; 0 clears at once.
    state, unit
        As in `growth`.
    size
        Name of the rule of the whole size; dying cells are ``dying1_<state>`` ...
    label
        Put behind every name.
    kclear
        Rate constant from stage to stage, 1/time.

    Raises
    ------
    SpecError
        KG-108 for a negative number of stages.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("cell kill", label, "cell kill with delayed clearance [simeoni_2004]")
    stages = [block.name(f"{s}_{state}") for s in chain(number, "cell_kill", "dying", least=0)]
    cells, flux = block.name(state), block.name(f"killed_{state}")
    block.add(
        Rule(flux, f"{written(kill)}*{cells}", note=block.note),
        Rate(cells, f"-{flux}", name="kill"),
    )
    if stages:
        block.parameter("kclear", kclear, "1/d", "passage through the stages of dying")
    else:
        refuse({"kclear": kclear}, "kill without stages of dying")
    entering = flux
    for stage in stages:
        leaving = block.text("{kclear}") + f"*{stage}"
        block.add(
            Species(stage, unit, initial="0"),
            Rate(stage, f"{entering} - {leaving}", name="dying"),
        )
        entering = leaving
    whole = block.name(size)
    block.add(Rule(whole, " + ".join([cells, *stages]), unit=unit), Output(whole, whole, unit=unit))
    return block.model()


def oxygen_limits(
    oxygen: Signal = "pO2",
    *,
    oxygen_unit: str = "mmHg",
    label: str = "",
    p_growth: Value = None,
    n_growth: Value = 1.0,
    kd_hypoxic: Value = None,
    p_death: Value = None,
    n_death: Value = 1.0,
    protection: Value = 1.0,
    quiescence: bool = False,
    k_rest: Value = None,
    k_wake: Value = None,
    p_rest: Value = None,
    n_rest: Value = None,
) -> Model:
    """Return how oxygen at a place limits growth and kills where it lacks.

    ::

        oxygen_growth = p^m/(p_growth^m + p^m)
        hypoxic_death = kd*(1 - protection*p^n/(p_death^n + p^n))
        quiescence    = k_rest*p_rest^h/(p_rest^h + p^h)
        awakening     = k_wake*p^h/(p_rest^h + p^h)

    Give the first to `growth` or `cell_shell` as its factor, the second to `cell_kill` or as
    necrosis to `cell_shell`, the others to `cell_shell`.  Ward & King 1997, IMA J Math Appl Med
    Biol 14:39-69 (rates of mitosis and death by nutrient); cells that come to rest below a pressure
    and divide again above one: Owen et al. 2011, doi 10.1158/0008-5472.CAN-10-2834 (unverified), as
    rates that turn from one to the other over a range.

    Parameters
    ----------
    oxygen, oxygen_unit
        Partial pressure or concentration where the cells are.
    label
        Put behind every name.
    p_growth, n_growth
        Oxygen at half the growth, and the steepness there.
    kd_hypoxic
        Rate of death without oxygen, 1/time.
    p_death, n_death
        Oxygen at half the protection, and the steepness there.
    protection
        Part of that death which oxygen prevents, 0 to 1.
    quiescence
        Whether cells come to rest; the next values are for it.
    k_rest, k_wake
        Rate constants at which cells come to rest without oxygen and divide again with plenty,
        1/time.
    p_rest, n_rest
        Oxygen at which both are at half their rate, and the steepness h there, 4 if left out.

    Raises
    ------
    SpecError
        KG-112 for values of quiescence without it.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("oxygen limits", label, "growth and death by oxygen [ward_king_1997]")
    block.parameter("p_growth", p_growth, oxygen_unit, "oxygen at half the growth")
    block.parameter("n_growth", n_growth, "", "steepness of growth with oxygen")
    block.parameter("kd_hypoxic", kd_hypoxic, "1/d", "death without oxygen")
    block.parameter("p_death", p_death, oxygen_unit, "oxygen at half the protection")
    block.parameter("n_death", n_death, "", "steepness of death with oxygen")
    block.parameter("protection", protection, "", "part of hypoxic death that oxygen prevents")
    p = str(oxygen)
    block.add(
        Rule(
            block.name("oxygen_growth"),
            block.text(f"hill({p}, {{p_growth}}, {{n_growth}})"),
            note=block.note,
        ),
        Rule(
            block.name("hypoxic_death"),
            block.text(f"{{kd_hypoxic}}*(1 - {{protection}}*hill({p}, {{p_death}}, {{n_death}}))"),
        ),
    )
    if not quiescence:
        unused = {"k_rest": k_rest, "k_wake": k_wake, "p_rest": p_rest, "n_rest": n_rest}
        refuse(unused, "oxygen_limits without quiescence")
        return block.model()
    block.parameter("k_rest", k_rest, "1/d", "coming to rest without oxygen")
    block.parameter("k_wake", k_wake, "1/d", "return from rest with oxygen")
    block.parameter("p_rest", p_rest, oxygen_unit, "oxygen at half of both")
    block.parameter("n_rest", 4.0 if n_rest is None else n_rest, "", "steepness of rest")
    awake = f"hill({p}, {{p_rest}}, {{n_rest}})"
    block.add(
        Rule(
            block.name("quiescence"),
            block.text(f"{{k_rest}}*(1 - {awake})"),
            note="rest below a pressure [owen_2011]",
        ),
        Rule(block.name("awakening"), block.text(f"{{k_wake}}*{awake}")),
    )
    return block.model()
