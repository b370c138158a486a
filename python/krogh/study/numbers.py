"""The dimensionless report: which step limits a drug on its way to the cells, in words.

SPDX-License-Identifier: BSD-3-Clause

The numbers themselves are computed by `krogh.model.tissue.numbers`; here are the values they are
taken of, and what they say.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.errors import Error
from krogh.model.tissue import numbers as formulas
from krogh.table import ResultTable
from krogh.units import Quantity, format_number, parse_quantity

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["Number", "Numbers", "numbers_of"]


@dataclass(frozen=True)
class Number:
    """One number of the report.

    Attributes
    ----------
    of
        Name of the drug or target.
    name, symbol
        ``"Biot number"``, ``"Bi"``.
    value, unit
        The number; the unit is empty for dimensionless ones.
    meaning
        What it says, in words.
    """

    of: str
    name: str
    symbol: str
    value: float
    unit: str
    meaning: str


@dataclass(frozen=True)
class Numbers:
    """The dimensionless report of a study.

    Attributes
    ----------
    entries
        The numbers.
    verdict
        Which step limits, in one sentence.
    missing
        Numbers that could not be computed, and why.
    """

    entries: tuple[Number, ...]
    verdict: str
    missing: tuple[str, ...] = ()

    def value(self, symbol: str, of: str | None = None) -> float:
        """Return the number with a symbol, of a drug or target where several have it."""
        for entry in self.entries:
            if entry.symbol == symbol and of in (None, entry.of):
                return entry.value
        return float("nan")

    def to_document(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)

    @classmethod
    def of_document(cls, content: Mapping[str, Any]) -> Numbers:
        """Return the report that plain data describe."""
        entries = tuple(Number(**entry) for entry in content["entries"])
        return cls(entries, content["verdict"], tuple(content["missing"]))

    def table(self) -> ResultTable:
        """Return the numbers as a table."""
        return ResultTable(
            {
                "of": [e.of for e in self.entries],
                "number": [f"{e.name} {e.symbol}" for e in self.entries],
                "value": [e.value for e in self.entries],
                "unit": [e.unit for e in self.entries],
                "meaning": [e.meaning for e in self.entries],
            }
        )

    def __str__(self) -> str:
        lines = [str(self.table()), f"what limits: {self.verdict}"]
        return "\n".join([*lines, *(f"not computed: {text}" for text in self.missing)])

    def _repr_html_(self) -> str:
        missing = "".join(f"<br>not computed: {html.escape(text)}" for text in self.missing)
        return (
            f"{self.table()._repr_html_()}<p>what limits: {html.escape(self.verdict)}{missing}</p>"
        )


# --- where the values come from -------------------------------------------------------------------


@dataclass(frozen=True)
class _Drug:
    """What the numbers of one drug are taken of; None where the model does not have it."""

    name: str
    label: str
    target: str
    diffusivity: Quantity | None
    void_fraction: Quantity | None
    permeability: Quantity | None
    association: Quantity | None
    internalization: Quantity | None
    density: Quantity | None
    exposure: Quantity | None  # AUC of the free concentration outside
    duration: Quantity

    @property
    def concentration(self) -> Quantity | None:
        """Mean free concentration outside over the run."""
        if self.exposure is None:
            return None
        return Quantity(self.exposure.to("nM s") / self.duration.to("s"), "nM")


def numbers_of(study: Study, exposures: Mapping[str, Quantity] | None = None) -> Numbers:
    """Return the report of a study.

    Parameters
    ----------
    study
        What is asked.
    exposures
        AUC of each plasma output over the run, by name (``"Cp_TDM1"``); simulated where left out.
    """
    found = exposures if exposures is not None else plasma_exposures(study)
    drugs = [_drug(study, drug, found) for drug in study.drugs]
    entries: list[Number] = []
    missing: list[str] = []
    for drug in drugs:
        for what, compute in _PER_DRUG.items():
            try:
                entries += compute(drug, study)
            except (_Lacks, Error) as error:
                missing.append(f"{what} of {drug.name}: {error}")
    entries += _shared_targets(drugs, entries)
    return Numbers(tuple(entries), _verdict(study, drugs, entries), tuple(missing))


def plasma_exposures(study: Study) -> dict[str, Quantity]:
    """Return the AUC of each plasma output of a study over its run, without the tumour's uptake."""
    from krogh.simulate import simulate

    systemic, _ = study.models
    result = simulate(
        systemic,
        study._regimen,
        until=study.until,
        weight=study.subject.weight if study.plasma is None else None,
        surface=study.subject.surface if study.plasma is None else None,
        windows=[(f"0 {_time_unit(study)}", study.until)],
        progress=False,
    )
    table = result.exposure()
    found = {}
    for row in table.rows():
        if str(row["output"]).startswith("Cp_"):
            unit = result[row["output"]].unit
            found[str(row["output"])] = Quantity(float(row["AUC"]), f"{unit} {result.time_unit}")
    return found


def _time_unit(study: Study) -> str:
    """Return the unit of the study's times."""
    return parse_quantity(study.until).unit


def _drug(study: Study, drug: Any, exposures: Mapping[str, Quantity]) -> _Drug:
    _, tissue = study.models

    def parameter(name: str) -> Quantity | None:
        found = tissue.parameters.get(name)
        return None if found is None else found.value

    target = drug.target if drug.target in study.tumour.targets else ""
    outside = exposures.get(f"Cp_{drug.label}")
    free = parameter(f"free_in_plasma_{drug.label}")
    if outside is not None and free is not None:
        outside = Quantity(outside.value * free.internal, outside.unit)
    return _Drug(
        name=drug.name,
        label=drug.label,
        target=target,
        diffusivity=parameter(f"diffusivity_{drug.label}"),
        void_fraction=parameter(f"void_fraction_{drug.label}"),
        permeability=parameter(f"permeability_{drug.label}"),
        association=parameter(f"association_rate_{drug.label}"),
        internalization=parameter(f"internalization_rate_{drug.label}"),
        density=parameter(f"target_density_{target}") if target else None,
        exposure=outside,
        duration=parse_quantity(study.until),
    )


class _Lacks(Exception):
    """A number needs a value that the study does not have."""


def _need(drug: _Drug, *names: str) -> list[Any]:
    for name in names:
        if getattr(drug, name) is None:
            raise _Lacks(f"the study has no {name.replace('_', ' ')} of it")
    return [getattr(drug, name) for name in names]


def _supply(drug: _Drug, study: Study) -> dict[str, Any]:
    """Return the arguments by which the formulas know how a shape is supplied."""
    shape = study.shape
    if study.tumour.geometry == "cylinder":
        (permeability,) = _need(drug, "permeability")
        return {
            "permeability": permeability,
            "inner_radius": shape.inner_radius,
            "outer_radius": shape.outer_radius,
        }
    diffusivity, fraction = _need(drug, "diffusivity", "void_fraction")
    return {"radius": shape.radius, "diffusivity": diffusivity, "void_fraction": fraction}


def _slab_supply(drug: _Drug, study: Study) -> float:
    """Return the depth of a slab over the clearance through its wall, s.

    Through a membrane P per area, through tissue that is being filled twice eps D/L: the plane
    front x = sqrt(2 eps D AUC/[Ag]) has come through the slab of depth L when the AUC is
    L [Ag]/(2 eps D/L).
    """
    depth = depth_of(study).to("um")
    if study.tumour.wall_kind == "membrane":
        (permeability,) = _need(drug, "permeability")
        return depth / float(permeability.to("um/s"))
    diffusivity, fraction = _need(drug, "diffusivity", "void_fraction")
    return depth**2 / (2.0 * float(diffusivity.to("um^2/s")) * float(fraction.internal))


def depth_of(study: Study) -> Quantity:
    """Return the longest way from the supplying wall to a cell."""
    shape = study.shape
    if study.tumour.geometry == "cylinder":
        return Quantity(shape.outer_radius.to("um") - shape.inner_radius.to("um"), "um")
    if study.tumour.geometry == "sphere":
        return Quantity(shape.radius.to("um"), "um")
    half = 0.5 if study.tumour.supply == "both" else 1.0
    return Quantity(half * shape.thickness.to("um"), "um")


# --- the numbers ----------------------------------------------------------------------------------


def _biot(drug: _Drug, study: Study) -> Iterator[Number]:
    geometry = study.tumour.geometry
    if geometry == "sphere" or study.tumour.wall_kind == "fixed":
        return  # there is no wall that could hold it back
    p, d, e = _need(drug, "permeability", "diffusivity", "void_fraction")
    shape = study.shape
    if geometry == "slab":
        value = float(p.to("um/s") * depth_of(study).to("um") / (e.internal * d.to("um^2/s")))
    else:
        value = formulas.biot_number(
            p, shape.inner_radius, shape.outer_radius, diffusivity=d, void_fraction=e
        )
    wall = "vessel wall" if geometry == "cylinder" else "wall"
    if value < 0.1:
        words = f"the {wall} holds it back {1.0 / value:.0f} times more than the tissue"
    elif value > 10.0:
        words = f"diffusion through the tissue is {value:.0f} times slower than the {wall}"
    else:
        words = "wall and tissue hold it back alike"
    yield Number(drug.name, "Biot number", "Bi", value, "", words)


def _bystander(drug: _Drug, study: Study) -> Iterator[Number]:
    """Yield how far released payload gets, and which part of it other cells take."""
    _, tissue = study.models
    names = ("diffusivity", "void_fraction", "permeability", "uptake_rate")
    found = [tissue.parameters.get(f"payload_{name}_{drug.label}") for name in names]
    if any(parameter is None for parameter in found):
        return
    d, e, p, uptake = (parameter.value for parameter in found if parameter is not None)
    if d is None or e is None or p is None or uptake is None:
        return
    surface = Quantity(study.shape.surface_per_volume, "1/um")
    washout = Quantity(p.to("um/s") * surface.value / e.internal, "1/s")
    reach = formulas.bystander_range(d, uptake, washout).to("um")
    far = depth_of(study).to("um")
    words = f"released payload gets so far; the farthest cell is {far:.0f} um off"
    yield Number(drug.name, "bystander range", "delta", reach, "um", words)
    share = formulas.bystander_fraction(uptake, washout)
    words = f"other cells take {100.0 * share:.0f} % of it, the vessels the rest"
    yield Number(drug.name, "bystander fraction", "f_B", share, "", words)


def _flow(drug: _Drug, study: Study) -> Iterator[Number]:
    if study.tumour.geometry != "cylinder":
        return
    flow = study.tumour.values.get("blood_flow")
    if flow is None:
        raise _Lacks("the tumour states no blood_flow")
    (p,) = _need(drug, "permeability")
    shape = study.shape
    value = formulas.permeability_surface_over_flow(
        p, shape.inner_radius, shape.outer_radius, flow.value
    )
    words = "blood flow limits" if value > 1.0 else "blood flow does not limit"
    yield Number(drug.name, "permeability surface over flow", "PS/Q", value, "", words)


def _damkoehler(drug: _Drug, study: Study) -> Iterator[Number]:
    if not drug.target:
        return
    on, density, d, e = _need(drug, "association", "density", "diffusivity", "void_fraction")
    depth = depth_of(study)
    value = formulas.damkoehler_number(on, density, depth, diffusivity=d, void_fraction=e)
    words = (
        "it is bound before it can pass: a front forms"
        if value > 10.0
        else (
            "it passes before it is bound: no front"
            if value < 0.1
            else "binding and diffusion alike"
        )
    )
    yield Number(drug.name, "Damkoehler number of binding", "Da", value, "", words)
    length = formulas.binding_length(on, density, diffusivity=d, void_fraction=e).to("um")
    far = depth.to("um")
    words = f"free drug binds within this way; the farthest cell is {far:.0f} um off"
    yield Number(drug.name, "binding length", "l_b", length, "um", words)


def _thiele(drug: _Drug, study: Study) -> Iterator[Number]:
    if not drug.target:
        return
    rate, density = _need(drug, "internalization", "density")
    concentration = drug.concentration
    if concentration is None:
        raise _Lacks("the plasma has no output of it")
    if study.tumour.geometry == "slab":
        supply = _slab_supply(drug, study)
        value = rate.to("1/s") * density.to("nM") * supply / concentration.to("nM")
    else:
        value = formulas.thiele_modulus(rate, density, concentration, **_supply(drug, study))
    limit = _full_below(study)
    words = (
        "cells take it up faster than it arrives: full occupancy cannot last"
        if value > limit
        else "it arrives faster than cells take it up"
    )
    yield Number(drug.name, "Thiele modulus (squared)", "phi^2", value, "", words)


def _full_below(study: Study) -> float:
    """Return below which squared Thiele modulus the farthest cell can be filled."""
    return 6.0 if study.tumour.geometry == "sphere" else 1.0


def filled(modulus: float, study: Study) -> float:
    """Return the share of the targets that what arrives can fill, for a clearance modulus above 1.

    Behind a wall that limits, what arrives over what is needed, 1/Gamma.  Where diffusion through
    filled tissue limits, the front slows down: a plane one has filled Gamma^(-1/2) of a slab, and
    one in a sphere lies at x with 1 - 3 x^2 + 2 x^3 = 1/Gamma (shrinking core: Graff & Wittrup
    2003, Cancer Res 63:1288) and has filled 1 - x^3.
    """
    if study.tumour.geometry == "sphere":
        roots = np.roots([2.0, -3.0, 0.0, 1.0 - 1.0 / modulus])
        core = next(float(r.real) for r in roots if abs(r.imag) < 1e-9 and 0.0 <= r.real <= 1.0)
        return 1.0 - core**3
    if study.tumour.geometry == "slab" and study.tumour.wall_kind == "fixed":
        return float(modulus**-0.5)
    return 1.0 / modulus


def _modulus(drug: _Drug, study: Study) -> Iterator[Number]:
    if not drug.target:
        return
    density, exposure = _need(drug, "density", "exposure")
    if study.tumour.geometry == "slab":
        value = density.to("nM") * _slab_supply(drug, study) / exposure.to("nM s")
    else:
        value = formulas.clearance_modulus(density, exposure, **_supply(drug, study))
    words = (
        f"what arrives by {study.until} fills at most {100.0 * filled(value, study):.0f} % of the"
        " targets"
        if value > 1.0
        else f"enough for all targets arrives by {study.until}"
    )
    yield Number(drug.name, "clearance modulus", "Gamma", value, "", words)


_PER_DRUG: dict[str, Callable[[_Drug, Any], Iterator[Number]]] = {
    "Biot number": _biot,
    "permeability surface over flow": _flow,
    "Damkoehler number": _damkoehler,
    "Thiele modulus": _thiele,
    "clearance modulus": _modulus,
    "bystander range": _bystander,
}


def _shared_targets(drugs: list[_Drug], entries: list[Number]) -> Iterator[Number]:
    """Yield the numbers of targets that several drugs fill together: supplies add up."""
    for target in dict.fromkeys(drug.target for drug in drugs if drug.target):
        names = [drug.name for drug in drugs if drug.target == target]
        if len(names) < 2:
            continue
        for symbol, name in (("phi^2", "Thiele modulus (squared)"), ("Gamma", "clearance modulus")):
            own = [e.value for e in entries if e.symbol == symbol and e.of in names]
            if len(own) == len(names) and all(value > 0.0 for value in own):
                value = 1.0 / sum(1.0 / v for v in own)
                words = f"{' and '.join(names)} together: {_SUM_WORDS[symbol, value > 1.0]}"
                yield Number(target, name, symbol, value, "", words)


_SUM_WORDS = {
    ("phi^2", True): "cells take them up faster than they arrive",
    ("phi^2", False): "they arrive faster than cells take them up",
    ("Gamma", True): "not enough for all targets arrives",
    ("Gamma", False): "enough for all targets arrives",
}


# --- the verdict ----------------------------------------------------------------------------------


def _verdict(study: Study, drugs: list[_Drug], entries: list[Number]) -> str:
    """Return which step limits, in one sentence: of the first target, or the first drug."""
    targets = [drug.target for drug in drugs if drug.target]
    if not targets:
        return _without_target(study, drugs[0], entries)
    target = targets[0]
    names = [drug.name for drug in drugs if drug.target == target]
    of = target if len(names) > 1 else names[0]

    def value(symbol: str, who: str) -> float:
        return next((e.value for e in entries if e.symbol == symbol and e.of == who), float("nan"))

    gamma, phi = value("Gamma", of), value("phi^2", of)
    lead = names[0]
    biot = value("Bi", lead)
    wall = "vessel wall" if study.tumour.geometry == "cylinder" else "wall"
    way = f"through the {wall}" if biot < 0.1 else "by diffusion" if biot > 10.0 else ""
    if np.isnan(biot):
        way = "by diffusion from the rim" if study.tumour.geometry == "sphere" else "by diffusion"
    way = f" {way}" if way else ""
    fill = f"{_short(100.0 * filled(gamma, study))} % of {target}" if gamma > 1.0 else ""
    if gamma > 1.0:
        return (
            f"supply{way}: what arrives by {study.until} fills at most {fill}"
            f" (clearance modulus {_short(gamma)})"
        )
    if phi > _full_below(study):
        return (
            f"internalization: enough for all {target} arrives{way} by {study.until}, but cells"
            f" take it up as fast (squared Thiele modulus {_short(phi)})"
        )
    if gamma <= 1.0:
        return (
            f"none of the steps from plasma to {target}: enough arrives{way} by {study.until}"
            f" (clearance modulus {_short(gamma)}, squared Thiele modulus {_short(phi)})"
        )
    return "cannot be told from dimensionless numbers here; Study.limits() compares values"


def _without_target(study: Study, drug: _Drug, entries: list[Number]) -> str:
    biot = next((e.value for e in entries if e.symbol == "Bi" and e.of == drug.name), float("nan"))
    if biot < 0.1:
        return f"the vessel wall (Biot number {_short(biot)})"
    if biot > 10.0:
        return f"diffusion through the tissue (Biot number {_short(biot)})"
    if np.isnan(biot):
        return "cannot be told from dimensionless numbers here; Study.limits() compares values"
    return f"vessel wall and diffusion alike (Biot number {_short(biot)})"


def _short(value: float) -> str:
    return format_number(float(f"{value:.2g}"))
