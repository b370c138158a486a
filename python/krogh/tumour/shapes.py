"""Tumours by their shape, starting from one of the library.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from krogh.errors import SpecError
from krogh.library.catalog import tumour as tumour_of_name
from krogh.library.tumour_spec import Tumour
from krogh.library.values import CHOSEN, Value
from krogh.model.tissue import krogh_radius
from krogh.units import Quantity, format_number

__all__ = ["krogh_cylinder", "slab", "spheroid"]


def krogh_cylinder(
    antigen: str = "HER2 3+",
    *,
    vessel_density: Any = None,
    inner_radius: Any = None,
    outer_radius: Any = None,
    cells: int | None = None,
    growth: float | None = None,
    **values: Any,
) -> Tumour:
    """Return the tissue around one vessel (Krogh's cylinder).

    Parameters
    ----------
    antigen
        Tumour of the library from which cells, targets and radii are taken; see
        `krogh.library.tumours`.
    vessel_density
        Vessels per area of a section (``"56.6 1/mm^2"`` is 75 um) in place of `outer_radius`.
    inner_radius, outer_radius
        Of the vessel, and half the distance to the next one.
    cells, growth
        Of the line: number of cells, last over first width.
    **values
        Further values as of ``Tumour.with_values``: ``cell_density``, ``receptors_per_cell``, ...

    Raises
    ------
    SpecError
        KG-103 an unknown tumour or value; KG-108 radii that make no cylinder; KG-112 both
        `vessel_density` and `outer_radius`; KG-147 a tumour of another geometry.
    UnitError
        KG-121 another dimension, KG-124 no unit.
    """
    tumour = tumour_of_name(antigen)
    if tumour.geometry != "cylinder":
        raise SpecError(
            f"KG-147: tumour {tumour.name!r} is a {tumour.geometry}, not a cylinder around a"
            " vessel; take it as it is from krogh.library.tumour."
        )
    if vessel_density is not None:
        if outer_radius is not None:
            raise SpecError(
                "KG-112: 'vessel_density' and 'outer_radius' state the same; give one of them."
            )
        radius = krogh_radius(vessel_density)
        outer_radius = {
            "value": _text(radius),
            "source": f"radius of the tissue of one of {vessel_density} vessels, 1/sqrt(pi N)",
        }
    given = {"inner_radius": inner_radius, "outer_radius": outer_radius}
    given |= {"cells": cells, "growth": growth}
    return tumour.with_values({**{n: v for n, v in given.items() if v is not None}, **values})


def spheroid(
    antigen: str = "HER2 3+",
    *,
    radius: Any = "200 um",
    cells: int | None = None,
    growth: float | None = None,
    wall: Literal["membrane", "fixed"] = "fixed",
    **values: Any,
) -> Tumour:
    """Return a spheroid or a metastasis without vessels, supplied from its rim.

    Parameters
    ----------
    antigen
        Tumour of the library from which cells and targets are taken.
    radius
        Of the sphere.
    cells, growth
        Of the line: number of cells, innermost over outermost width.
    wall
        ``"fixed"``: the free concentration of plasma or medium holds at the rim; ``"membrane"``:
        the drug passes a wall by its permeability.
    **values
        Further values as of ``Tumour.with_values``.

    Raises
    ------
    SpecError
        KG-103 an unknown tumour or value; KG-108 a radius that is not positive.
    UnitError
        KG-121 another dimension, KG-124 no unit.
    """
    return _of_shape(antigen, "sphere", {"radius": radius}, cells, growth, wall, values)


def slab(
    antigen: str = "HER2 3+",
    *,
    thickness: Any = "200 um",
    supply: Literal["inner", "both"] = "inner",
    cells: int | None = None,
    growth: float | None = None,
    wall: Literal["membrane", "fixed"] = "membrane",
    **values: Any,
) -> Tumour:
    """Return a layer of tissue, supplied from one side or from both.

    Parameters
    ----------
    antigen
        Tumour of the library from which cells and targets are taken.
    thickness
        Of the layer.
    supply
        ``"inner"`` (one side) or ``"both"``.
    cells, growth
        Of the line: number of cells, last over first width.
    wall
        As of `spheroid`; multicell layers on a permeable support are ``"fixed"``.
    **values
        Further values as of ``Tumour.with_values``.

    Raises
    ------
    SpecError
        KG-103 an unknown tumour or value; KG-108 a thickness that is not positive.
    UnitError
        KG-121 another dimension, KG-124 no unit.
    """
    found = _of_shape(antigen, "slab", {"thickness": thickness}, cells, growth, wall, values)
    return found.with_values(supply=supply)


def _of_shape(
    antigen: str,
    geometry: Literal["sphere", "slab"],
    lengths: Mapping[str, Any],
    cells: int | None,
    growth: float | None,
    wall: str,
    values: Mapping[str, Any],
) -> Tumour:
    """Return cells and targets of a tumour of the library in another shape."""
    base = tumour_of_name(antigen)
    kept: dict[str, Value] = {"cell_density": base.cell_density}
    if base.geometry == geometry:
        kept |= base.lengths
    else:
        for name in lengths:
            kept[name] = Value(value="200 um", range=CHOSEN, source="size chosen by the user")
    fields = {**dict(base), "geometry": geometry, "values": kept, "wall": wall, "growth": None}
    if base.geometry != geometry:
        fields |= {"title": f"{geometry} of cells as in {base.name}", "porosity": {}}
    tumour = Tumour(**fields)
    options = {"cells": cells, "growth": growth}
    changes = {**lengths, **{n: v for n, v in options.items() if v is not None}, **values}
    return tumour.with_values(changes)


def _text(quantity: Quantity) -> str:
    return f"{format_number(float(f'{quantity.value:.12g}'))} {quantity.unit}"
