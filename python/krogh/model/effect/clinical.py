"""Whole-tumor models of patients: Claret 2009, Stein 2011 and Ribba 2012.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import DoseInput, Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["claret", "ribba", "stein"]


def claret(
    exposure: Signal,
    *,
    exposure_unit: str = "mg",
    unit: str = "mm",
    label: str = "",
    size0: Value = None,
    KL: Value = None,
    KD: Value = None,
    lambda_r: Value = None,
) -> Model:
    r"""Return the model of Claret et al. 2009: growth, kill by exposure, and resistance in time.

    .. math:: \dot y = K_L y - K_D e^{-\lambda t} E\, y, \qquad
              y = y_0 \exp[K_L t - (K_D E/\lambda)(1 - e^{-\lambda t})] \text{ for constant } E

    doi 10.1200/JCO.2008.21.0807.  Time counts from the start of the simulation, which therefore is
    the start of treatment.

    Parameters
    ----------
    exposure, exposure_unit
        What kills: daily dose, concentration, an average, or an expression of it such as
        ``"log(dose/1[mg])"``; and its unit (empty for dimensionless).
    unit
        Of the size; the article has sums of diameters.
    label
        Put behind every name; the size is ``tumor``.
    size0
        Size at the start.
    KL
        Growth, 1/time.
    KD
        Kill, 1/(exposure_unit*time).
    lambda_r
        Rate constant with which the effect is lost, 1/time.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("tumor growth inhibition of Claret", label, "tumor size [claret_2009]")
    block.parameter("size0", size0, unit, "tumor size at the start")
    block.parameter("KL", KL, "1/week", "growth")
    per = f"1/({exposure_unit})/week" if exposure_unit else "1/week"
    block.parameter("KD", KD, per, "kill by exposure")
    block.parameter("lambda_r", lambda_r, "1/week", "loss of effect by resistance")
    tumor = block.name("tumor")
    effect = block.text(f"{{KD}}*exp(-{{lambda_r}}*t)*{written(exposure)}")
    block.add(
        Species(tumor, unit, initial=block.text("{size0}"), note=block.note),
        Rule(block.name("kill_rate"), effect),
        Rate(tumor, block.text("{KL}*{tumor}"), name="growth"),
        Rate(tumor, block.text("-{kill_rate}*{tumor}"), name="kill"),
        Output(tumor, tumor, unit=unit),
    )
    return block.model()


def stein(
    *,
    unit: str = "mm",
    fraction: bool = False,
    label: str = "",
    size0: Value = None,
    g: Value = None,
    d: Value = None,
    phi: Value = None,
) -> Model:
    r"""Return the model of Stein et al. 2011: regression and growth at the same time.

    .. math:: y/y_0 = e^{-dt} + e^{gt} - 1
              \quad\text{or}\quad y/y_0 = \phi e^{-dt} + (1 - \phi) e^{gt} \text{ (fraction)}

    doi 10.1158/1078-0432.CCR-10-1762; the form with a sensitive fraction phi is one of those
    compared by the same group (Wilkerson et al. 2017, doi 10.1016/S1470-2045(16)30633-7,
    unverified).  The two exponentials are states, so that `g` and `d` may depend on exposure.
    Time counts from the start of treatment.

    Parameters
    ----------
    unit
        Of the size (mm, or of a tumor marker).
    fraction
        Which of the two forms.
    label
        Put behind every name; the size is ``tumor``.
    size0
        Size at the start.
    g, d
        Rates of growth and of regression, 1/time.
    phi
        Fraction that regresses, with ``fraction=True``.

    Raises
    ------
    SpecError
        KG-112 for phi in the form without a fraction.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("regression and growth of Stein", label, "tumor size [stein_2011]")
    block.parameter("size0", size0, unit, "tumor size at the start")
    block.parameter("g", g, "1/d", "growth")
    block.parameter("d", d, "1/d", "regression")
    if fraction:
        block.parameter("phi", phi, "", "fraction that regresses")
        law = "{size0}*({phi}*{regressing} + (1 - {phi})*{growing})"
    else:
        refuse({"phi": phi}, "the form without a fraction")
        law = "{size0}*({regressing} + {growing} - 1)"
    regressing, growing, tumor = map(block.name, ("regressing", "growing", "tumor"))
    block.add(
        Species(regressing, "", initial="1", note=block.note),
        Species(growing, "", initial="1"),
        Rate(regressing, block.text("-{d}*{regressing}"), name="regression"),
        Rate(growing, block.text("{g}*{growing}"), name="growth"),
        Rule(tumor, block.text(law), unit=unit),
        Output(tumor, tumor, unit=unit),
    )
    return block.model()


def ribba(
    driver: Signal | None = None,
    *,
    driver_unit: str = "",
    amount: str = "mg",
    unit: str = "mm",
    label: str = "",
    P0: Value = None,
    Q0: Value = None,
    capacity: Value = None,
    lambda_P: Value = None,
    kPQ: Value = None,
    kQpP: Value = None,
    dQp: Value = None,
    gamma_kill: Value = None,
    KDE: Value = None,
    res: Value = None,
) -> Model:
    r"""Return the model of Ribba et al. 2012: proliferating, quiescent and damaged tissue.

    .. math::
        \dot C &= -K_{DE} C, \qquad P^* = P + Q + Q_P \\
        \dot P &= \lambda_P P (1 - P^*/K) + k_{QpP} Q_P - k_{PQ} P - \gamma C K_{DE} P \\
        \dot Q &= k_{PQ} P - \gamma C K_{DE} Q \\
        \dot Q_P &= \gamma C K_{DE} Q - k_{QpP} Q_P - \delta_{QP} Q_P

    doi 10.1158/1078-0432.CCR-12-0084, Equations 1.  Damaged proliferating cells die at once,
    damaged quiescent ones repair into proliferation or die late, which explains responses that last
    for years.  Acquired resistance (Mazzocco et al. 2015, doi 10.1002/psp4.54) multiplies the kill
    of P by :math:`e^{-\mathrm{res}\,t}`, t from the start of the simulation.

    Parameters
    ----------
    driver, driver_unit
        A concentration instead of the virtual one: kill is then ``gamma_kill*driver``.
    amount
        Unit of doses into the virtual concentration ``C_virtual``: the
        article gives 1 a cycle.
    unit
        Of the size, a mean diameter.
    label
        Put behind every name; the size is ``tumor``, its parts ``P``, ``Q`` and ``Q_P``.
    P0, Q0
        Proliferating and quiescent tissue at the start.
    capacity
        Size at which proliferation ends (100 mm in the article).
    lambda_P
        Proliferation, 1/time.
    kPQ, kQpP
        From proliferating to quiescent, and from damaged quiescent to proliferating, 1/time.
    dQp
        Death of damaged quiescent tissue, 1/time.
    gamma_kill
        Damage per virtual concentration, 1/amount; with a driver 1/(driver_unit*time).
    KDE
        Elimination of the virtual concentration, 1/time.
    res
        Rate of acquired resistance of proliferating tissue, 1/time; none if left out.

    Raises
    ------
    SpecError
        KG-112 for KDE beside a driver; KG-101 for a driver without its unit.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("tumor growth inhibition of Ribba", label, "tumor size [ribba_2012]")
    kill = block.name("kill_rate")
    if driver is None:
        block.parameter("KDE", KDE, "1/month", "elimination of the virtual concentration")
        block.parameter("gamma_kill", gamma_kill, f"1/({amount})", "damage by treatment")
        virtual = block.name("C_virtual")
        block.add(
            Species(virtual, amount, initial="0", note=block.note),
            DoseInput(virtual),
            Rate(virtual, block.text(f"-{{KDE}}*{virtual}"), name="elimination"),
            Rule(kill, block.text(f"{{gamma_kill}}*{{KDE}}*{virtual}")),
        )
    else:
        refuse({"KDE": KDE}, "a model with its own driver")
        if not driver_unit:
            raise SpecError("KG-101: ribba with a driver needs 'driver_unit'.")
        block.parameter("gamma_kill", gamma_kill, f"1/({driver_unit})/month", "damage by treatment")
        block.add(Rule(kill, block.text(f"{{gamma_kill}}*{written(driver)}"), note=block.note))
    block.parameter("P0", P0, unit, "proliferating tissue at the start")
    block.parameter("Q0", Q0, unit, "quiescent tissue at the start")
    block.parameter("capacity", capacity, unit, "size at which proliferation ends")
    block.parameter("lambda_P", lambda_P, "1/month", "proliferation")
    block.parameter("kPQ", kPQ, "1/month", "from proliferating to quiescent")
    block.parameter("kQpP", kQpP, "1/month", "from damaged quiescent to proliferating")
    block.parameter("dQp", dQp, "1/month", "death of damaged quiescent tissue")
    fading = ""
    if res is not None:
        block.parameter("res", res, "1/month", "resistance of proliferating tissue")
        fading = "*exp(-{res}*t)"
    p, q, damaged, tumor = map(block.name, ("P", "Q", "Q_P", "tumor"))
    block.add(
        Species(p, unit, initial=block.text("{P0}")),
        Species(q, unit, initial=block.text("{Q0}")),
        Species(damaged, unit, initial="0"),
        Rule(tumor, f"{p} + {q} + {damaged}", unit=unit),
        Rate(p, block.text("{lambda_P}*{P}*(1 - {tumor}/{capacity})"), name="growth"),
        Rate(p, block.text("{kQpP}*{Q_P} - {kPQ}*{P}"), name="exchange"),
        Rate(p, block.text("-{kill_rate}" + fading + "*{P}"), name="kill"),
        Rate(q, block.text("{kPQ}*{P}"), name="exchange"),
        Rate(q, block.text("-{kill_rate}*{Q}"), name="damage"),
        Rate(damaged, block.text("{kill_rate}*{Q}"), name="damage"),
        Rate(damaged, block.text("-({kQpP} + {dQp})*{Q_P}"), name="repair_or_death"),
        Output(tumor, tumor, unit=unit),
    )
    return block.model()
