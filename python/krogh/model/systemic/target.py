"""Target-mediated disposition of one drug: full binding and the approximations of it.

SPDX-License-Identifier: BSD-3-Clause

Amounts of drug live in ``central``, the target and its complex are concentrations (nM) in the
volume V1.  Where ``central`` holds a mass, the name of the parameter with the molar mass turns it
into moles for the binding; without one the states must be molar.
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = [
    "target_full",
    "target_irreversible",
    "target_michaelis_menten",
    "target_quasi_equilibrium",
    "target_quasi_steady",
]

_PER_CONCENTRATION = "1/nM/d"


class _Binding:
    """Names and conversions that the forms share."""

    def __init__(self, title: str, note: str, drug: str, target: str, molar_mass: str | None):
        self.block = Block(title, drug, note)
        self.molar = target
        self.end = "" if target == "R" else f"_{target}"
        self.complex = f"{target}C"
        self.total = f"{target}tot"
        self.free = f"({{Cp}}/{molar_mass})" if molar_mass else "{Cp}"
        self.mass = f"*{molar_mass}" if molar_mass else ""
        self.molar_mass = molar_mass

    def text(self, template: str) -> str:
        """Fill in the names: R, RC, Rtot stand for target, complex and total target."""
        names = {
            "R": self.block.name(self.molar),
            "RC": self.block.name(self.complex),
            "Rtot": self.block.name(self.total),
            "C": self.block.text(self.free),
        }
        for base in ("kon", "koff", "kint", "ksyn", "kdeg", "Kss", "KD"):
            names[base] = self.block.name(base + self.end)
        return self.block.text(template, **names)

    def parameter(self, base: str, value: Value, unit: str, note: str) -> None:
        self.block.parameter(base + self.end, value, unit, note)

    def turnover(self, ksyn: Value, kdeg: Value) -> None:
        self.parameter("ksyn", ksyn, "nM/d", f"synthesis of target {self.molar}")
        self.parameter("kdeg", kdeg, "1/d", f"degradation of free target {self.molar}")

    def loss(self, law: str, name: str) -> Rate:
        """Return the rate of `central` for a loss of drug in nM/time."""
        scaled = self.text(f"-({law})*{{V1}}{self.mass}")
        return Rate(self.block.name("central"), scaled, name=f"{name}_{self.molar}")

    def occupancy(self) -> Rule:
        law = self.text("{RC}/({R} + {RC})")
        return Rule(self.block.name(f"occupancy{self.end}"), law, note="share of target bound")

    def outputs(self) -> list[Output]:
        names = [self.block.name(n) for n in (self.molar, self.complex)]
        return [
            *(Output(n, n, unit="nM") for n in names),
            Output(*[self.block.name(f"occupancy{self.end}")] * 2, unit=""),
        ]


def target_full(
    *,
    target: str = "R",
    constant_total: bool = False,
    molar_mass: str | None = None,
    drug: str = "",
    kon: Value = None,
    koff: Value = None,
    kint: Value = None,
    ksyn: Value = None,
    kdeg: Value = None,
    Rtot: Value = None,
) -> Model:
    """Return full target binding (Mager & Jusko 2001).

    With the free drug ``C`` (``Cp``, or ``Cp/MW``) and the complex ``RC`` (target name + ``C``)::

        d(central)/dt = ... - (kon*C*R - koff*RC)*V1
        dR/dt         = ksyn - kdeg*R - kon*C*R + koff*RC,     R(0) = ksyn/kdeg
        dRC/dt        = kon*C*R - (koff + kint)*RC

    Parameters
    ----------
    target
        Name of the target; for another name than R the parameters bear it (``kon_S``).
    constant_total
        The total target stays constant (kint = kdeg, Peletier & Gabrielsson 2012): ``R`` is the
        rule ``Rtot - RC`` and only Rtot is needed of the turnover.
    molar_mass
        Name of the parameter with the molar mass, where ``central`` is a mass.
    drug
        Put behind every name.
    kon
        Binding rate constant, 1/(concentration time).
    koff, kint, kdeg
        Dissociation, internalization of the complex, degradation of the target; 1/time.
    ksyn
        Synthesis, concentration/time.
    Rtot
        Total target with `constant_total`.

    Raises
    ------
    SpecError
        KG-112 for parameters that the chosen form does not use.
    UnitError
        KG-121 for a value of another dimension.
    """
    note = "target-mediated disposition, full binding [mager_jusko_2001]"
    if constant_total:
        note = "binding with constant total target [mager_jusko_2001] [peletier_gabrielsson_2012]"
    b = _Binding(f"binding to {target}", note, drug, target, molar_mass)
    _refuse(b, {"ksyn": ksyn, "kdeg": kdeg} if constant_total else {"Rtot": Rtot})
    b.parameter("kon", kon, _PER_CONCENTRATION, "binding rate constant")
    b.parameter("koff", koff, "1/d", "dissociation rate constant")
    b.parameter("kint", kint, "1/d", "internalization of the complex")
    block = b.block
    name, complex_name = block.name(target), block.name(b.complex)
    flux = b.text("{kon}*{C}*{R} - {koff}*{RC}")
    if constant_total:
        block.parameter(b.total, Rtot, "nM", "total target")
        block.add(Rule(name, b.text("{Rtot} - {RC}"), note=note))
    else:
        b.turnover(ksyn, kdeg)
        block.add(
            Species(name, "nM", initial=b.text("{ksyn}/{kdeg}"), note=note),
            Rate(name, b.text("{ksyn} - {kdeg}*{R}"), name="turnover"),
            Rate(name, f"-({flux})", name=f"binding_{complex_name}"),
        )
    block.add(
        Species(complex_name, "nM"),
        Rate(complex_name, flux, name="binding"),
        Rate(complex_name, b.text("-{kint}*{RC}"), name="internalization"),
        b.loss(flux, "binding"),
        b.occupancy(),
        *b.outputs(),
    )
    return block.model()


def _refuse(b: _Binding, values: dict[str, Value]) -> None:
    for base, value in values.items():
        if value is not None:
            raise SpecError(f"KG-112: {base!r} has no meaning for this form of {b.block.title}.")


def target_irreversible(
    *,
    target: str = "R",
    molar_mass: str | None = None,
    drug: str = "",
    kon: Value = None,
    ksyn: Value = None,
    kdeg: Value = None,
) -> Model:
    """Return irreversible binding (Ma 2012): what binds is lost.

    ::

        d(central)/dt = ... - kon*C*R*V1
        dR/dt         = ksyn - kdeg*R - kon*C*R,     R(0) = ksyn/kdeg

    The limit of the full model for ``koff << kint`` and a complex that is not measured.

    Parameters
    ----------
    target, molar_mass, drug, kon, ksyn, kdeg
        As in `target_full`.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    note = "irreversible target binding [ma_2012]"
    b = _Binding(f"irreversible binding to {target}", note, drug, target, molar_mass)
    b.parameter("kon", kon, _PER_CONCENTRATION, "binding rate constant")
    b.turnover(ksyn, kdeg)
    name = b.block.name(target)
    b.block.add(
        Species(name, "nM", initial=b.text("{ksyn}/{kdeg}"), note=note),
        Rate(name, b.text("{ksyn} - {kdeg}*{R}"), name="turnover"),
        Rate(name, b.text("-{kon}*{C}*{R}"), name="binding"),
        b.loss("{kon}*{C}*{R}", "binding"),
        Output(name, name, unit="nM"),
    )
    return b.block.model()


def _approximated(
    b: _Binding,
    constant: str,
    constant_total: bool,
    kint: Value,
    ksyn: Value,
    kdeg: Value,
    Rtot: Value,
) -> Model:
    """Return the quasi-equilibrium or quasi-steady-state form with one binding constant.

    The complex is written as 2 Ct Rt / (S + root), which has no cancellation, and the free drug
    follows from it without one.
    """
    block = b.block
    _refuse(b, {"ksyn": ksyn, "kdeg": kdeg} if constant_total else {"Rtot": Rtot})
    b.parameter("kint", kint, "1/d", "internalization of the complex")
    total, k = block.name(b.total), b.text(f"{{{constant}}}")
    all_drug = block.text("{Cp_total}") + (f"/{b.molar_mass}" if b.molar_mass else "")
    all_name = block.name(f"drug_total{b.end}")
    if constant_total:
        block.parameter(b.total, Rtot, "nM", "total target")
    else:
        b.turnover(ksyn, kdeg)
        block.add(
            Species(total, "nM", initial=b.text("{ksyn}/{kdeg}"), note=b.block.note),
            Rate(total, b.text("{ksyn} - {kdeg}*{R} - {kint}*{RC}"), name="turnover"),
        )
    root = f"sqrt(({all_name} - {total})^2 + {k}^2 + 2*{k}*({all_name} + {total}))"
    block.add(
        Rule(all_name, all_drug, note=b.block.note),
        Rule(
            block.name(b.complex),
            f"2*{all_name}*{total}/(({all_name} + {total} + {k}) + {root})",
        ),
        Rule(block.name(b.molar), b.text(f"{total} - {{RC}}")),
        Rule(block.name("Cp"), b.text(f"{{Cp_total}}*{k}/({k} + {{R}})")),
        b.loss("{kint}*{RC}", "internalization"),
        b.occupancy(),
        *b.outputs(),
    )
    return block.model()


def target_quasi_equilibrium(
    *,
    target: str = "R",
    constant_total: bool = False,
    molar_mass: str | None = None,
    drug: str = "",
    KD: Value = None,
    kint: Value = None,
    ksyn: Value = None,
    kdeg: Value = None,
    Rtot: Value = None,
) -> Model:
    """Return target binding in equilibrium (Mager & Krzyzanski 2005): ``C*R/RC = KD``.

    ``central`` is the total drug, so it needs ``compartments(total=True)``.  With total drug ``Ct``
    and total target ``Rt`` (``Rtot``)::

        RC = ((Ct + Rt + KD) - sqrt((Ct + Rt + KD)^2 - 4*Ct*Rt))/2,   C = Ct - RC
        d(central)/dt = ... - kint*RC*V1          (elimination and distribution act on C)
        dRt/dt        = ksyn - kdeg*(Rt - RC) - kint*RC,     Rt(0) = ksyn/kdeg

    Parameters
    ----------
    target, constant_total, molar_mass, drug, kint, ksyn, kdeg, Rtot
        As in `target_full`.
    KD
        Dissociation constant koff/kon, concentration.

    Raises
    ------
    SpecError
        KG-112 for parameters that the chosen form does not use.
    UnitError
        KG-121 for a value of another dimension.
    """
    note = "target-mediated disposition, quasi-equilibrium [mager_krzyzanski_2005]"
    b = _Binding(f"binding to {target} in equilibrium", note, drug, target, molar_mass)
    b.parameter("KD", KD, "nM", "dissociation constant")
    return _approximated(b, "KD", constant_total, kint, ksyn, kdeg, Rtot)


def target_quasi_steady(
    *,
    target: str = "R",
    constant_total: bool = False,
    molar_mass: str | None = None,
    drug: str = "",
    Kss: Value = None,
    kint: Value = None,
    ksyn: Value = None,
    kdeg: Value = None,
    Rtot: Value = None,
    kon: Value = None,
    koff: Value = None,
) -> Model:
    """Return target binding in quasi-steady state (Gibiansky 2008).

    As `target_quasi_equilibrium` with ``Kss = (koff + kint)/kon`` in place of KD.  With `kon` and
    `koff` Kss is computed from them.

    Parameters
    ----------
    target, constant_total, molar_mass, drug, kint, ksyn, kdeg, Rtot
        As in `target_full`.
    Kss
        Steady-state constant, concentration.
    kon, koff
        Instead of Kss.

    Raises
    ------
    SpecError
        KG-112 for Kss together with kon and koff, or for one of the two alone, or for parameters
        that the chosen form does not use.
    UnitError
        KG-121 for a value of another dimension.
    """
    note = "target-mediated disposition, quasi-steady state [gibiansky_2008]"
    b = _Binding(f"binding to {target} in quasi-steady state", note, drug, target, molar_mass)
    if (kon is None) != (koff is None) or (Kss is not None and kon is not None):
        raise SpecError("KG-112: give Kss, or kon and koff together, or leave all three open.")
    if kon is None:
        b.parameter("Kss", Kss, "nM", "steady-state constant (koff + kint)/kon")
    else:
        b.parameter("kon", kon, _PER_CONCENTRATION, "binding rate constant")
        b.parameter("koff", koff, "1/d", "dissociation rate constant")
        b.block.add(Rule(b.text("{Kss}"), b.text("({koff} + {kint})/{kon}"), unit="nM"))
    return _approximated(b, "Kss", constant_total, kint, ksyn, kdeg, Rtot)


def target_michaelis_menten(
    *,
    target: str = "R",
    molar_mass: str | None = None,
    drug: str = "",
    Rtot: Value = None,
    kint: Value = None,
    Kss: Value = None,
) -> Model:
    """Return target-mediated elimination as a saturable path (Gibiansky 2008).

    ::

        d(central)/dt = ... - kint*Rtot*C/(Kss + C)*V1

    The limit of the quasi-steady state where the drug exceeds the target; the complex
    ``Rtot*C/(Kss + C)`` is a rule and does not hold drug back.

    Parameters
    ----------
    target, molar_mass, drug, kint
        As in `target_full`.
    Rtot
        Total target, concentration.
    Kss
        Steady-state constant, concentration.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    note = "target-mediated disposition, Michaelis-Menten form [gibiansky_2008]"
    b = _Binding(f"saturable loss to {target}", note, drug, target, molar_mass)
    b.block.parameter(b.total, Rtot, "nM", "total target")
    b.parameter("kint", kint, "1/d", "internalization of the complex")
    b.parameter("Kss", Kss, "nM", "steady-state constant (koff + kint)/kon")
    b.block.add(
        Rule(
            b.block.name(b.complex),
            b.text("michaelis_menten({C}, {Rtot}, {Kss})"),
            unit="nM",
            note=note,
        ),
        Rule(b.block.name(b.molar), b.text("{Rtot} - {RC}")),
        b.loss("{kint}*{RC}", "internalization"),
        b.occupancy(),
        *b.outputs(),
    )
    return b.block.model()
