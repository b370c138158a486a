"""An array with named axes, coordinates and a unit.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from krogh import units
from krogh.errors import SpecError, did_you_mean

__all__ = ["LabeledArray"]


class LabeledArray:
    """Read-only numbers with the names of their axes and their unit.

    Parameters
    ----------
    values
        Any shape.
    dims
        One name per axis, such as ``("subject", "time")``.
    unit
        Unit of the values.
    name
        What they are.
    coords
        Axis name to its coordinates: ids of subjects, times.
    coord_units
        Axis name to the unit of its coordinates.
    """

    __slots__ = ("_coord_units", "_coords", "_dims", "_name", "_unit", "_values")

    def __init__(
        self,
        values: Any,
        dims: tuple[str, ...],
        unit: str,
        name: str = "",
        coords: Mapping[str, Any] | None = None,
        coord_units: Mapping[str, str] | None = None,
    ) -> None:
        array = np.asarray(values).view()
        if array.ndim != len(dims):
            raise SpecError(f"KG-118: {name} has {array.ndim} axes but the names {dims}.")
        array.flags.writeable = False
        self._values = array
        self._dims = dims
        self._unit = unit
        self._name = name
        self._coords = MappingProxyType({k: np.asarray(v) for k, v in (coords or {}).items()})
        self._coord_units = MappingProxyType(dict(coord_units or {}))

    @property
    def values(self) -> NDArray[Any]:
        """The numbers (read-only), in `unit`."""
        return self._values

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes."""
        return self._dims

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self._unit

    @property
    def name(self) -> str:
        """What the values are."""
        return self._name

    @property
    def coords(self) -> Mapping[str, NDArray[Any]]:
        """Coordinates along the axes."""
        return self._coords

    @property
    def coord_units(self) -> Mapping[str, str]:
        """Units of the coordinates."""
        return self._coord_units

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self._values.shape

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False and dtype is not None and np.dtype(dtype) != self._values.dtype:
            raise ValueError("a view of another type is not possible")
        return np.array(self._values, dtype=dtype, copy=True if copy else None)

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        coords, coord_units = dict(self._coords), dict(self._coord_units)
        parts = (self._values, self._dims, self._unit, self._name, coords, coord_units)
        return LabeledArray, parts

    def to(self, unit: str) -> LabeledArray:
        """Return the array in another unit of the same dimension."""
        factor = units.convert(1.0, self._unit, unit)
        return self._with(self._values * factor, self._dims, unit=unit)

    def sel(self, **labels: Any) -> LabeledArray:
        """Return the part with the given coordinates: ``.sel(subject=3)``, ``.sel(time=7.0)``.

        One label drops the axis, a list keeps it.  Labels must match exactly.
        """
        values, dims = self._values, list(self._dims)
        coords = dict(self._coords)
        for axis_name, label in labels.items():
            if axis_name not in dims:
                raise SpecError(
                    f"KG-118: {self._name or 'the array'} has no axis {axis_name!r}."
                    f"{did_you_mean(axis_name, dims)}  Axes: {', '.join(dims)}."
                )
            axis = dims.index(axis_name)
            along = self._coords[axis_name]
            wanted = np.atleast_1d(np.asarray(label))
            positions = []
            for item in wanted:
                hits = np.flatnonzero(along == item)
                if hits.size == 0:
                    raise SpecError(
                        f"KG-118: no {axis_name} {item!s} in {self._name or 'the array'}"
                        f" ({along[0]!s} .. {along[-1]!s})."
                    )
                positions.extend(hits.tolist())
            if np.ndim(label) == 0 and len(positions) == 1:
                values = np.take(values, positions[0], axis=axis)
                dims.pop(axis)
                coords.pop(axis_name)
            else:
                values = np.take(values, positions, axis=axis)
                coords[axis_name] = along[positions]
        return self._with(values, tuple(dims), coords=coords)

    def quantiles(self, levels: Any, dim: str = "subject") -> LabeledArray:
        """Return quantiles over an axis, NaN left out; the new first axis is ``quantile``."""
        axis = self._axis(dim)
        at = np.atleast_1d(np.asarray(levels, dtype=np.float64))
        with np.errstate(invalid="ignore"):
            values = _nan_quantile(self._values, at, axis)
        dims = ("quantile", *(d for d in self._dims if d != dim))
        coords = {k: v for k, v in self._coords.items() if k != dim} | {"quantile": at}
        return self._with(values, dims, coords=coords)

    def median(self, dim: str = "subject") -> LabeledArray:
        """Return the median over an axis, NaN left out."""
        return self.quantiles([0.5], dim).sel(quantile=0.5)

    def _axis(self, dim: str) -> int:
        if dim not in self._dims:
            raise SpecError(
                f"KG-118: {self._name or 'the array'} has no axis {dim!r} but"
                f" {', '.join(self._dims) or 'none'}."
            )
        return self._dims.index(dim)

    def _with(
        self,
        values: Any,
        dims: tuple[str, ...],
        unit: str | None = None,
        coords: Mapping[str, Any] | None = None,
    ) -> LabeledArray:
        kept = self._coords if coords is None else coords
        coord_units = {k: u for k, u in self._coord_units.items() if k in kept}
        return LabeledArray(
            values, dims, self._unit if unit is None else unit, self._name, kept, coord_units
        )

    def to_xarray(self) -> Any:
        """Return an xarray DataArray with units in its attributes."""
        from krogh.table import require_extra

        xarray = require_extra("xarray", "a labeled array of xarray")
        array = xarray.DataArray(
            self._values,
            dims=self._dims,
            name=self._name or None,
            coords={k: v for k, v in self._coords.items() if k in self._dims},
            attrs={"units": self._unit},
        )
        for axis, unit in self._coord_units.items():
            if axis in array.coords:
                array.coords[axis].attrs["units"] = unit
        return array

    def __repr__(self) -> str:
        axes = ", ".join(f"{d}: {n}" for d, n in zip(self._dims, self.shape, strict=True))
        with np.printoptions(precision=5, threshold=20, edgeitems=3):
            numbers = str(self._values)
        return f"{self._name or 'array'} [{self._unit or '1'}] ({axes})\n{numbers}"


def _nan_quantile(values: NDArray[Any], levels: NDArray[Any], axis: int) -> NDArray[Any]:
    """Quantiles (linear between order statistics, Hyndman & Fan 1996 type 7) without NaN.

    numpy's nanquantile works slice by slice where NaN occur; sorting once, which puts NaN last,
    costs the same with and without them.
    """
    ordered = np.sort(np.moveaxis(values, axis, 0), axis=0)
    count = ordered.shape[0] - np.isnan(ordered).sum(axis=0)
    result = np.full((levels.size, *ordered.shape[1:]), np.nan)
    has_values = count > 0
    last = np.maximum(count - 1, 0)
    for k, level in enumerate(levels):
        place = level * last
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, last)
        first = np.take_along_axis(ordered, low[None], axis=0)[0]
        second = np.take_along_axis(ordered, high[None], axis=0)[0]
        result[k] = np.where(has_values, first + (place - low) * (second - first), np.nan)
    return result
