"""Images: values on a grid, with a unit and the names of their channels.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError, SpecError, did_you_mean
from krogh.space.grid import Grid
from krogh.units import convert, parse_unit

__all__ = ["Image", "match", "place_of"]


class Image:
    """Read-only values on a grid.

    Parameters
    ----------
    values
        Shape (nz, ny, nx), (ny, nx) for one section, or with channels (channels, nz, ny, nx).
        Numbers or truth values; NaN marks voxels without a value.
    grid
        Where the voxels lie.
    unit
        Of the values; empty for pure numbers, masks and labels.
    channels
        Names, one for each leading entry; empty: one image without channels.
    name
        What it is, for messages: ``"mask"``, ``"vessel density"``.
    notes
        Facts that a file stated, by name.

    Raises
    ------
    DataError
        KG-231 for values that do not fit the grid or the channels, or are no numbers.
    UnitError
        KG-120 for an unknown unit.

    Examples
    --------
    >>> import numpy as np
    >>> from krogh.io import Image
    >>> from krogh.space import Grid
    >>> density = Image(np.full((2, 3, 4), 60.0), Grid((2, 3, 4), "2 mm"), "1/mm^2")
    >>> density.to("1/cm^2").values[0, 0, 0]
    np.float64(6000.0)
    """

    __slots__ = ("_channels", "_grid", "_name", "_notes", "_unit", "_values")

    def __init__(
        self,
        values: ArrayLike,
        grid: Grid,
        unit: str = "",
        *,
        channels: Sequence[str] = (),
        name: str = "image",
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(grid, Grid):
            raise DataError(f"KG-231: {name} needs a krogh.space.Grid, not {type(grid).__name__}.")
        array = np.array(values)
        if array.dtype.kind not in "buif":
            raise DataError(f"KG-231: {name} holds {array.dtype}, which are no real numbers.")
        names = tuple(str(c) for c in channels)
        if len(set(names)) != len(names):
            raise DataError(f"KG-231: two channels of {name} have one name: {', '.join(names)}.")
        expected = (len(names), *grid.shape) if names else grid.shape
        if array.shape == expected[:-3] + expected[-2:] and grid.shape[0] == 1:
            array = array.reshape(expected)  # one section
        if array.shape != expected:
            what = f"{len(names)} channels on a grid" if names else "the grid"
            raise DataError(
                f"KG-231: {name} has the shape {array.shape}, {what} needs {expected}"
                f" ({'channel, ' if names else ''}z, y, x)."
            )
        parse_unit(unit)
        array.flags.writeable = False
        self._values: NDArray[Any] = array
        self._grid = grid
        self._unit = unit
        self._channels = names
        self._name = name
        self._notes = dict(notes or {})

    @property
    def values(self) -> NDArray[Any]:
        """The numbers (read-only), (z, y, x) or (channel, z, y, x), in `unit`."""
        return self._values

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        return self._grid

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return self._unit

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels; empty without."""
        return self._channels

    @property
    def name(self) -> str:
        """What it is."""
        return self._name

    @property
    def notes(self) -> dict[str, Any]:
        """Facts that the file stated, by name."""
        return dict(self._notes)

    def __getitem__(self, channel: str) -> Image:
        if channel not in self._channels:
            raise DataError(
                f"KG-231: {self._name} has no channel {channel!r}."
                f"{did_you_mean(str(channel), self._channels)}"
                f"  It has {', '.join(self._channels) or 'none'}."
            )
        values = self._values[self._channels.index(channel)]
        return Image(values, self._grid, self._unit, name=channel, notes=self._notes)

    def to(self, unit: str) -> Image:
        """Return the image in another unit of the same dimension."""
        return self.replaced(self._values * convert(1.0, self._unit or "1", unit or "1"), unit)

    def renamed(self, name: str) -> Image:
        """Return the image under another name."""
        return Image(
            self._values,
            self._grid,
            self._unit,
            channels=self._channels,
            name=name,
            notes=self._notes,
        )

    def replaced(self, values: ArrayLike, unit: str | None = None) -> Image:
        """Return other values on the same grid with the same names."""
        return Image(
            values,
            self._grid,
            self._unit if unit is None else unit,
            channels=self._channels,
            name=self._name,
            notes=self._notes,
        )

    # --- masks and labels -------------------------------------------------------------------------

    def mask(self, label: int | None = None) -> NDArray[np.bool_]:
        """Return the voxels of a mask, or of one label of it, shape (nz, ny, nx).

        Parameters
        ----------
        label
            A whole number; left out, every voxel that is not 0.

        Raises
        ------
        DataError
            KG-232 for values that are no whole numbers, or no voxel at all.
        """
        labels = self.labels()
        if label is None:
            chosen: NDArray[np.bool_] = np.not_equal(labels, 0)
            if not chosen.any():
                raise DataError(
                    f"KG-232: the {self._name} is empty: none of its {labels.size:,} voxels is set."
                )
            return chosen
        chosen = np.equal(labels, label)
        if not chosen.any():
            known = np.unique(labels[labels != 0])
            found = ", ".join(map(str, known[:12])) + (", ..." if known.size > 12 else "")
            raise DataError(
                f"KG-232: no voxel of the {self._name} has the label {label}; it has"
                f" {found or 'none'}."
            )
        return chosen

    def labels(self) -> NDArray[np.int64]:
        """Return the values as whole numbers, shape (nz, ny, nx).

        Raises
        ------
        DataError
            KG-232 for values that are none, which names the first, or several channels.
        """
        if self._channels:
            raise DataError(
                f"KG-232: the {self._name} has channels ({', '.join(self._channels)}); take one of"
                f" them, image[{self._channels[0]!r}]."
            )
        with np.errstate(invalid="ignore"):
            whole = np.asarray(self._values).astype(np.int64)
            wrong = whole != self._values
        if wrong.any():
            where = np.argwhere(wrong)[0]
            raise DataError(
                f"KG-232: the {self._name} is no mask: {self._values[tuple(where)]} at"
                f" {place_of(self._grid, where)}; labels are whole numbers.  Make one by a"
                " threshold: Image(image.values > limit, image.grid)."
            )
        return whole

    # --- checks -----------------------------------------------------------------------------------

    def require_finite(self, where: ArrayLike | None = None) -> None:
        """Raise DataError KG-231 that names the first voxel that is NaN or infinite.

        Parameters
        ----------
        where
            Voxels that are looked at, shape (nz, ny, nx); all if left out.
        """
        wrong = ~np.isfinite(self._values)
        if where is not None:
            wrong &= np.asarray(where, dtype=bool)
        if not wrong.any():
            return
        first = np.argwhere(wrong)[0]
        count = int(wrong.sum())
        channel = f" of channel {self._channels[first[0]]!r}" if self._channels else ""
        more = "" if count == 1 else f", and at {count - 1:,} more voxels"
        hint = "" if where is not None else "  Give a mask that leaves these voxels out."
        raise DataError(
            f"KG-231: the {self._name}{channel} is {self._values[tuple(first)]} at"
            f" {place_of(self._grid, first[-3:])}{more}.{hint}"
        )

    def save(self, path: str | Path) -> Path:
        """Write a file that `krogh.io.read` reads back; its suffix says which kind.

        ``.nii`` and ``.nii.gz`` (NIfTI), ``.ome.tif`` (OME-TIFF), ``.vti`` and ``.vtkhdf``.
        """
        from krogh.io.files import write

        return write(self, path)

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self._values, self._grid, self._unit, self._channels, self._name, self._notes)
        return _rebuilt, parts

    def __repr__(self) -> str:
        channels = f", channels {', '.join(self._channels)}" if self._channels else ""
        kind = "" if self._values.dtype.kind == "f" else f", {self._values.dtype}"
        return f"<Image {self._name!r} [{self._unit or '1'}]{kind}{channels} on {self._grid!r}>"


def _rebuilt(
    values: Any, grid: Grid, unit: str, channels: tuple[str, ...], name: str, notes: Any
) -> Image:
    return Image(values, grid, unit, channels=channels, name=name, notes=notes)


def place_of(grid: Grid, index: Iterable[Any]) -> str:
    """Return a voxel and its place in words: ``voxel (z 4, y 1, x 7), (12, 3.5, 40) mm``."""
    z, y, x = (int(i) for i in index)
    unit = "mm" if grid.spacing.max() >= 500.0 else "um"
    place = convert(grid.position([z, y, x]), "um", unit)
    return f"voxel (z {z}, y {y}, x {x}), ({', '.join(f'{p:.4g}' for p in place)}) {unit}"


def match(image: Image, to: Image | Grid, *, order: int | None = None) -> Image:
    """Return an image resampled on another grid.

    Voxels whose center lies outside of the image are NaN, of whole numbers and masks 0.

    Parameters
    ----------
    image
        What to resample.
    to
        The image or grid on which it is wanted.
    order
        0: the nearest voxel, 1: linear between the eight nearest.  Left out: 0 for masks and whole
        numbers, whose values must not be mixed, else 1.

    Notes
    -----
    Values between voxels are interpolated; nothing is averaged.  An image that is much finer than
    the new grid loses detail that an average would keep: smooth it first.

    Raises
    ------
    DataError
        KG-231 where no voxel of the new grid lies within the image.
    """
    from scipy.ndimage import map_coordinates

    grid = to.grid if isinstance(to, Image) else to
    if not isinstance(grid, Grid):
        raise SpecError(f"KG-112: 'to' is an image or a grid, not {type(to).__name__}.")
    whole = image.values.dtype.kind in "bui"
    chosen = (0 if whole else 1) if order is None else order
    if chosen not in (0, 1) or (whole and chosen == 1 and image.values.dtype.kind == "b"):
        raise SpecError(f"KG-108: order must be 0 (nearest) or 1 (linear), not {order!r}.")
    if not image.grid.differences(grid):
        return _on(grid, image, image.values)
    z, y, x = (np.arange(n, dtype=np.float64) for n in grid.shape)
    numbers = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)
    places = image.grid.index(grid.position(numbers))
    limit = np.asarray(image.grid.shape) - 0.5
    inside = ((places >= -0.5 - 1e-9) & (places <= limit + 1e-9)).all(axis=-1)
    if not inside.any():
        raise DataError(
            f"KG-231: no voxel of the new grid lies within the {image.name}; one of the two has"
            f" another origin: {image.grid!r}, corner"
            f" {convert(image.grid.corner, 'um', 'mm').tolist()} mm, and {grid!r}, corner"
            f" {convert(grid.corner, 'um', 'mm').tolist()} mm."
        )
    coordinates = np.moveaxis(places, -1, 0)
    parts = image.values if image.channels else image.values[None]
    found = []
    for part in parts:
        source = part.astype(np.float64)
        values = map_coordinates(source, coordinates, order=chosen, mode="nearest")
        values[~inside] = 0.0 if whole and chosen == 0 else np.nan
        found.append(values.astype(part.dtype) if whole and chosen == 0 else values)
    return _on(grid, image, np.stack(found) if image.channels else found[0])


def _on(grid: Grid, image: Image, values: NDArray[Any]) -> Image:
    """Return values on another grid, with the names of an image."""
    return Image(
        values, grid, image.unit, channels=image.channels, name=image.name, notes=image.notes
    )
