"""What a tumour is: shape, cells, targets, each value with range and source.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from krogh.errors import SpecError, did_you_mean
from krogh.library.drug_spec import DRUG_VALUES
from krogh.library.values import Value, chosen_value, reason_of, same_unit, table_of
from krogh.model.fields import as_measure
from krogh.model.vocabulary import valid_name
from krogh.table import ResultTable
from krogh.units import convert, dimension, format_number

if TYPE_CHECKING:
    from krogh.space import Cylinder, Slab, Sphere

__all__ = ["MOLECULES_PER_NM_LITER", "Porosity", "Target", "Tumour"]

MOLECULES_PER_NM_LITER: Final = 6.02214076e14
"""Molecules in one liter at 1 nM: Avogadro's constant (exact, SI 2019) times 1e-9."""

_SHAPES: Final[dict[str, tuple[str, ...]]] = {
    "cylinder": ("inner_radius", "outer_radius"),
    "sphere": ("radius",),
    "slab": ("thickness",),
}

_TARGET_VALUES: Final[dict[str, str]] = {
    "receptors_per_cell": "molecules/cell",
    "target_density": "nM",
    "internalization_rate": "1/s",
    "recycling_rate": "1/s",
    "shedding_rate": "1/s",
    "accessible_fraction": "",
}


class _Entry(BaseModel):
    """Frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(_Entry):
    """A target on the tumour's cells.

    Attributes
    ----------
    values
        ``receptors_per_cell`` or ``target_density`` (nM of the total tissue), and where it is known
        ``internalization_rate`` of the unoccupied target, ``recycling_rate``, ``shedding_rate``,
        ``accessible_fraction``.
    note
        What should be known.
    """

    values: dict[str, Value]
    note: str = ""

    @model_validator(mode="after")
    def _known(self) -> Target:
        _check(self.values, _TARGET_VALUES, "target")
        if ("receptors_per_cell" in self.values) == ("target_density" in self.values):
            raise ValueError("a target needs either receptors_per_cell or target_density")
        return self


class Porosity(_Entry):
    """Accessible volume from the center of a sphere to its rim, relative to the rim.

    ``scale*(r/R)^exponent + center``, 1 at the rim.
    """

    scale: float = Field(ge=0.0)
    exponent: float = Field(gt=0.0)
    center: float = Field(gt=0.0, le=1.0)
    source: str = Field(min_length=1)
    verified: bool = True

    @model_validator(mode="after")
    def _one_at_the_rim(self) -> Porosity:
        if abs(self.scale + self.center - 1.0) > 1e-9:
            raise ValueError("scale and center must add up to 1, the porosity at the rim")
        return self

    def __call__(self, relative_radius: ArrayLike) -> NDArray[np.float64]:
        """Return the relative porosity at r/R."""
        r = np.asarray(relative_radius, dtype=np.float64)
        result: NDArray[np.float64] = self.scale * r**self.exponent + self.center
        return result


class Tumour(_Entry):
    """A tumour of the library, frozen; changes make new ones.

    Attributes
    ----------
    name
        As in ``kg.library.tumour(name)``.
    geometry
        ``"cylinder"`` (tissue around one vessel, Krogh), ``"sphere"`` (without vessels, supplied
        from outside) or ``"slab"``.
    cells
        Number of cells of the line.
    growth
        Last over first width of the cells; None: the shape's default.
    supply
        Of a slab: ``"inner"`` or ``"both"``.
    wall
        What separates plasma (or medium) from the tissue: a vessel wall (``"membrane"``, by the
        permeability) or nothing (``"fixed"``: the free concentration outside holds at the wall).
        None: a membrane, but of a sphere nothing.
    values
        Lengths of the shape (``inner_radius`` and ``outer_radius``, ``radius``, ``thickness``) and
        ``cell_density``.
    targets
        By name (``"HER2"``).
    drugs
        Values that this tumour changes for drugs, by drug name or kind (a tight vessel wall).
    porosity
        By kind of drug; see `fields`.
    """

    format: Literal["krogh-library-tumour"]
    version: Literal[1]
    name: str
    aliases: tuple[str, ...] = ()
    title: str
    geometry: Literal["cylinder", "sphere", "slab"]
    cells: int = Field(default=64, ge=2, le=100_000)
    growth: float | None = None
    supply: Literal["inner", "both"] = "inner"
    wall: Literal["membrane", "fixed"] | None = None
    citations: tuple[str, ...] = Field(min_length=1)
    verification: str = Field(min_length=1)
    notes: tuple[str, ...] = ()
    values: dict[str, Value]
    targets: dict[str, Target] = {}
    drugs: dict[str, dict[str, Value]] = {}
    porosity: dict[str, Porosity] = {}

    @model_validator(mode="after")
    def _known_names_and_units(self) -> Tumour:
        lengths = _SHAPES[self.geometry]
        units = {**dict.fromkeys(lengths, "um"), "cell_density": "cells/mL"}
        _check(self.values, units, "values")
        for name in units:
            if name not in self.values:
                raise ValueError(f"a tumour of geometry {self.geometry!r} needs {name!r}")
        for label in self.targets:
            if not valid_name(label):
                raise ValueError(f"the target {label!r} is no identifier")
        for drug, values in self.drugs.items():
            _check(values, DRUG_VALUES, f"drugs.{drug}")
        if self.porosity and self.geometry != "sphere":
            raise ValueError("porosity is a function of the radius of a sphere")
        if self.geometry == "cylinder":
            inner, outer = (same_unit(self.values[n], "um") for n in lengths)
            if not 0.0 < inner < outer:
                raise ValueError(
                    f"the outer radius ({outer:g} um) must exceed the inner one ({inner:g} um)"
                )
        return self

    # --- what it says -----------------------------------------------------------------------------

    @property
    def shape(self) -> Cylinder | Sphere | Slab:
        """The shape with its cells, as `krogh.simulate_line` takes it."""
        from krogh.space import Cylinder, Slab, Sphere

        options: dict[str, Any] = {"cells": self.cells}
        if self.growth is not None:
            options["growth"] = self.growth
        lengths: dict[str, Any] = {n: v.value for n, v in self.lengths.items()}
        if self.geometry == "cylinder":
            return Cylinder(**lengths, **options)
        if self.geometry == "sphere":
            return Sphere(**lengths, **options)
        return Slab(**lengths, **options, supply=self.supply)

    @property
    def wall_kind(self) -> Literal["membrane", "fixed"]:
        """What the supplying wall is: as stated, else a membrane, but of a sphere nothing."""
        return self.wall or ("fixed" if self.geometry == "sphere" else "membrane")

    @property
    def lengths(self) -> dict[str, Value]:
        """The lengths of the shape."""
        return {name: self.values[name] for name in _SHAPES[self.geometry]}

    @property
    def cell_density(self) -> Value:
        """Cells per volume of tissue."""
        return self.values["cell_density"]

    @property
    def molecules_per_cell_and_nM(self) -> float:
        """Molecules per cell at 1 nM of the total tissue."""
        return MOLECULES_PER_NM_LITER / same_unit(self.cell_density, "cells/L")

    def target_values(self, target: str) -> dict[str, Value]:
        """Return the values of a target, its density in nM of the total tissue.

        Raises
        ------
        SpecError
            KG-147 for a target that the tumour does not have.
        """
        if target not in self.targets:
            raise SpecError(
                f"KG-147: tumour {self.name!r} has no target {target!r}."
                f"{did_you_mean(target, self.targets)}  It has: "
                f"{', '.join(self.targets) or 'none'}.\n"
                "  Choose another tumour, or give it the target by"
                f" with_target({target!r}, receptors_per_cell=...)."
            )
        values = dict(self.targets[target].values)
        receptors = values.pop("receptors_per_cell", None)
        if receptors is not None:
            density = format_number(float(f"{same_unit(self.cell_density, 'cells/mL'):.6g}"))
            factor = convert(1.0, receptors.unit, "molecules/cell") / self.molecules_per_cell_and_nM
            values["target_density"] = receptors.scaled(
                factor, "nM", f"{receptors.value} at {density} cells/mL"
            )
        return values

    def fields(self, *drugs: Any) -> dict[str, Callable[[Any], Any]]:
        """Return parameters that vary over the cells, as `krogh.simulate_line` takes them.

        For a sphere with a porosity of the drug's kind: ``void_fraction_<drug>`` and
        ``diffusivity_<drug>``, each times the relative porosity, as functions of the distance from
        the rim in um.  Empty for other tumours.

        Parameters
        ----------
        *drugs
            `Drug` specs.
        """
        from krogh.library.size_laws import transport_values

        found: dict[str, Callable[[Any], Any]] = {}
        for drug in drugs:
            porosity = self.porosity.get(drug.kind)
            if porosity is None:
                continue
            values = transport_values(drug, self)
            units = (("void_fraction", ""), ("diffusivity", "um^2/s"))
            for base, unit in units:
                if base in values:
                    found[f"{base}_{drug.label}"] = _PorousField(
                        porosity, same_unit(self.values["radius"], "um"), values[base].value, unit
                    )
        return found

    def drug_values(self, drug: Any) -> dict[str, Value]:
        """Return the values that this tumour changes for a drug: by its kind, then by its name."""
        return {**self.drugs.get(drug.kind, {}), **self.drugs.get(drug.name, {})}

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Names of the values that have a range; those of targets as ``HER2.target_density``."""
        return tuple(n for n, v in self._everything() if v.is_uncertain)

    @property
    def unverified(self) -> tuple[str, ...]:
        """Names of the values that were not checked against a source."""
        return tuple(n for n, v in self._everything() if not v.verified)

    @property
    def source(self) -> str:
        """Every source, for `krogh.cite`."""
        keys = " ".join(f"[{key}]" for key in self.citations)
        texts = [v.source for _, v in self._everything()]
        return "\n".join([keys, *texts, *(p.source for p in self.porosity.values())])

    def _everything(self) -> Iterator[tuple[str, Value]]:
        yield from self.values.items()
        for target, entry in self.targets.items():
            for name, value in entry.values.items():
                yield f"{target}.{name}", value
        for drug, values in self.drugs.items():
            for name, value in values.items():
                yield f"{drug}.{name}", value

    # --- changes ----------------------------------------------------------------------------------

    def with_values(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Tumour:
        """Return the tumour with other values.

        Parameters
        ----------
        values, **more
            By name: ``outer_radius="60 um"``, ``cell_density="4e8 cells/mL"``; those of targets as
            ``{"HER2.receptors_per_cell": "5e5"}`` or, with one target, ``receptors_per_cell=5e5``.
            Also ``cells`` and ``growth`` of the line.  A new value without a range is not drawn for
            virtual patients.

        Raises
        ------
        SpecError
            KG-103 an unknown name, KG-108 a negative value or one outside its range.
        UnitError
            KG-121 another dimension, KG-124 no unit.
        """
        changes = {**(values or {}), **more}
        fields: dict[str, Any] = {}
        new = dict(self.values)
        targets = {n: dict(t.values) for n, t in self.targets.items()}
        for name, value in changes.items():
            what = f"{name!r} of tumour {self.name!r}"
            value = _per_cell(name, value)
            target, _, base = name.rpartition(".")
            if not target and name not in new and len(targets) == 1 and name in _TARGET_VALUES:
                target, base = next(iter(targets)), name
            if name in ("cells", "growth", "supply"):
                fields[name] = value
            elif name in new:
                new[name] = chosen_value(new[name], value, what)
            elif target in targets and base in _TARGET_VALUES:
                targets[target] = _target_changed(targets[target], base, value, what)
            else:
                known = [*new, "cells", "growth"]
                known += [f"{t}.{n}" for t in targets for n in _TARGET_VALUES]
                raise SpecError(
                    f"KG-103: tumour {self.name!r} has no value {name!r}."
                    f"{did_you_mean(name, [*known, *_TARGET_VALUES])}\n  Values: "
                    f"{', '.join(n for n, _ in self._everything())}."
                )
        kept = {n: Target(values=v, note=self.targets[n].note) for n, v in targets.items()}
        return self._changed(values=new, targets=kept, **fields)

    def with_target(self, target: str, **values: Any) -> Tumour:
        """Return the tumour with one more target, or another one in place of it.

        Parameters
        ----------
        target
            Its name.
        **values
            ``receptors_per_cell`` or ``target_density``, ``internalization_rate``, ...
        """
        found: dict[str, Value] = {}
        for name, value in values.items():
            if name not in _TARGET_VALUES:
                raise SpecError(
                    f"KG-103: a target has no value {name!r}.{did_you_mean(name, _TARGET_VALUES)}"
                )
            found[name] = chosen_value(
                _blank(_TARGET_VALUES[name]), _per_cell(name, value), f"{name!r} of {target}"
            )
        try:
            entry = Target(values=found)
        except ValueError as error:
            raise SpecError(f"KG-108: target {target!r}: {reason_of(error)}.") from None
        return self._changed(targets={**self.targets, target: entry})

    def _changed(self, **fields: Any) -> Tumour:
        try:
            return Tumour(**{**dict(self), **fields})
        except ValueError as error:
            raise SpecError(f"KG-108: tumour {self.name!r}: {reason_of(error)}.") from None

    # --- printing ---------------------------------------------------------------------------------

    def table(self) -> ResultTable:
        """Return every value with its range, whether it was verified, and its source."""
        return table_of(self._everything(), f"{self.name} ({self.geometry}, {self.cells} cells)")

    def __str__(self) -> str:
        lines = [f"{self.name} ({self.geometry}, {self.cells} cells)", self.title, ""]
        lines += [f"  {name} = {value}" for name, value in self._everything()]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join([*lines, "", f"  {self.verification}"])

    def __repr__(self) -> str:
        return f"<tumour {self.name!r}: {self.geometry}, targets {', '.join(self.targets) or '-'}>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class _PorousField:
    """A parameter times the relative porosity at a distance from the rim; can be pickled."""

    def __init__(self, porosity: Porosity, radius: float, value: str, unit: str) -> None:
        self.porosity, self.radius = porosity, radius
        measure = as_measure(value, "the value")
        self.number = convert(measure.value, measure.unit or "1", unit or "1")
        self.unit = unit

    def __call__(self, distance: ArrayLike) -> NDArray[np.float64]:
        """Return the values at distances from the rim [um], in um^2/s or dimensionless."""
        away = np.asarray(distance, dtype=np.float64)
        return self.number * self.porosity((self.radius - away) / self.radius)


def _per_cell(name: str, value: Any) -> Any:
    """Return a bare number of receptors per cell with its unit; anything else as it is."""
    is_count = name.rpartition(".")[2] == "receptors_per_cell"
    if is_count and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value!r} molecules/cell"
    return value


def _blank(unit: str) -> Value:
    return Value(
        value=f"1 {unit}".strip(),
        range="not determined, value chosen here",
        source="given by the user",
    )


def _target_changed(values: dict[str, Value], name: str, given: Any, what: str) -> dict[str, Value]:
    """Return the values of a target with one changed; density and number exclude each other."""
    other = {"receptors_per_cell": "target_density", "target_density": "receptors_per_cell"}
    base = values.get(name) or _blank(_TARGET_VALUES[name])
    kept = {n: v for n, v in values.items() if n != other.get(name)}
    return {**kept, name: chosen_value(base, given, what)}


def _check(values: Mapping[str, Value], known: Mapping[str, str], where: str) -> None:
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{where} has the unknown name {name!r}.{did_you_mean(name, known)}")
        unit = known[name]
        if dimension(value.unit or "1") != dimension(unit or "1"):
            raise ValueError(f"{where}.{name} is {value.value}; needed: a unit such as {unit!r}")
