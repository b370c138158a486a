"""OME-TIFF of microscopes: named channels and the physical size of pixels.

SPDX-License-Identifier: BSD-3-Clause

Metadata after the OME data model, schema 2016-06 (Goldberg et al. 2005, Genome Biol 6:R47,
doi:10.1186/gb-2005-6-5-r47).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError
from krogh.io.image import Image
from krogh.space.grid import Grid
from krogh.table import require_extra
from krogh.units import convert
from krogh.whole_files import write_whole

__all__ = ["read_ome_tiff", "write_ome_tiff"]

_UNITS: Final = {"µm": "um", "μm": "um", "um": "um", "nm": "nm", "mm": "mm", "cm": "cm", "m": "m"}
_COLORS: Final = {3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}


def read_ome_tiff(
    path: str | Path,
    *,
    spacing: Any = None,
    thickness: Any = None,
    channels: Sequence[str] | None = None,
    unit: str = "",
) -> Image:
    """Read an OME-TIFF, or another TIFF whose spacing is given.

    Parameters
    ----------
    path
        The file.
    spacing
        Distance of pixels along x, y, z as of `Grid`, in place of what the file says; needed for a
        TIFF without OME metadata.
    thickness
        Distance of sections with unit, where the file has one section or does not say.
    channels
        Names in place of those of the file: ``["CD31", "Hoechst", "target", "drug"]``.
    unit
        Of the values; intensities have none.

    Returns
    -------
    Image
        With channels (channel, z, y, x) where the file has several or names one.

    Raises
    ------
    DataError
        KG-234 for a file that is no TIFF, damaged, or has several times; KG-236 where it does not
        state the size of its pixels; KG-231 for names that do not fit the channels.
    MissingExtra
        KG-901 without tifffile.
    """
    tifffile = require_extra("tifffile", "a TIFF image", "imaging")
    path = Path(path)
    try:
        with tifffile.TiffFile(path) as file:
            ome = file.ome_metadata
            series = file.series[0]
            axes, values = str(series.axes), np.asarray(series.asarray())
    except (OSError, ValueError, IndexError, KeyError, tifffile.TiffFileError) as error:
        raise DataError(f"KG-234: {str(path)!r} is no TIFF file, or damaged: {error}.") from error
    stated = _stated(ome, path) if ome else _Stated()
    values = _arranged(values, axes, path)
    names = tuple(channels) if channels is not None else stated.channels
    if not names and values.shape[0] > 1:
        known = _COLORS.get(values.shape[0]) if "S" in axes else None
        names = known or tuple(str(k) for k in range(values.shape[0]))
    if names and len(names) != values.shape[0]:
        raise DataError(
            f"KG-231: {path.name!r} has {values.shape[0]} channels and {len(names)} names:"
            f" {', '.join(names)}."
        )
    shape = (values.shape[1], values.shape[2], values.shape[3])
    grid = Grid(shape, _spacing(spacing, thickness, stated, path, shape))
    return Image(
        values if names else values[0],
        grid,
        unit,
        channels=names,
        name=stated.name or path.name.partition(".")[0],
        notes=stated.notes,
    )


class _Stated:
    """What the OME metadata of the first image say."""

    def __init__(self) -> None:
        self.name = ""
        self.channels: tuple[str, ...] = ()
        self.size: dict[str, float | None] = {"x": None, "y": None, "z": None}  # um
        self.notes: dict[str, Any] = {}


def _stated(text: str, path: Path) -> _Stated:
    found = _Stated()
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(
            f"KG-234: the OME metadata of {path.name!r} are damaged: {error}."
        ) from None
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    image = root.find(f"{space}Image")
    pixels = None if image is None else image.find(f"{space}Pixels")
    if image is None or pixels is None:
        return found
    found.name = image.attrib.get("Name", "")
    for axis in found.size:
        size = pixels.attrib.get(f"PhysicalSize{axis.upper()}")
        if size is None:
            continue
        stated = pixels.attrib.get(f"PhysicalSize{axis.upper()}Unit", "µm")  # the schema's default
        if stated not in _UNITS:
            raise DataError(
                f"KG-236: {path.name!r} states pixels of {size} {stated}; a length is needed:"
                " give spacing=(...)."
            )
        found.size[axis] = float(convert(float(size), _UNITS[stated], "um"))
    entries = pixels.findall(f"{space}Channel")
    labels = [e.attrib.get("Name") or e.attrib.get("Fluor") or "" for e in entries]
    if any(labels):
        found.channels = tuple(n or str(k) for k, n in enumerate(labels))
    plane = pixels.find(f"{space}Plane")
    if plane is not None:
        found.notes |= {k: v for k, v in plane.attrib.items() if k.startswith("Position")}
    return found


def _arranged(values: NDArray[Any], axes: str, path: Path) -> NDArray[Any]:
    """Return values as (channel, z, y, x)."""
    places = {"C": 0, "S": 0, "Z": 1, "I": 1, "Q": 1, "Y": 2, "X": 3}
    if len(axes) != values.ndim:
        raise DataError(f"KG-234: {path.name!r} has the axes {axes} and shape {values.shape}.")
    for axis in reversed(range(values.ndim)):
        letter = axes[axis]
        if letter not in places or (letter in "SQI" and places[letter] in _taken(axes, letter)):
            if values.shape[axis] != 1:
                raise DataError(
                    f"KG-234: {path.name!r} has {values.shape[axis]} entries along {letter!r}"
                    f" (axes {axes}, shape {values.shape}); one time and channels, z, y, x are"
                    " read.  Save the part that is needed as a file of its own."
                )
            values = values.take(0, axis=axis)
            axes = axes[:axis] + axes[axis + 1 :]
    order = sorted(range(values.ndim), key=lambda a: places[axes[a]])
    values = values.transpose(order)
    present = {places[letter] for letter in axes}
    for place in range(4):
        if place not in present:
            values = np.expand_dims(values, place)
    return values


def _taken(axes: str, letter: str) -> set[int]:
    """Return the places that other letters hold before this one."""
    prior = {"S": "C", "Q": "Z", "I": "ZQ"}[letter]
    return {0 if c == "C" else 1 for c in prior if c in axes}


def _spacing(
    given: Any, thickness: Any, stated: _Stated, path: Path, shape: tuple[int, int, int]
) -> Any:
    if given is not None:
        return given
    if stated.size["x"] is None or stated.size["y"] is None:
        raise DataError(
            f"KG-236: {path.name!r} does not state the size of its pixels (PhysicalSizeX and Y of"
            " OME).  Give it: spacing=('0.5 um', '0.5 um', '4 um')."
        )
    along_z = stated.size["z"]
    if thickness is not None:
        from krogh.units import parse_quantity

        along_z = parse_quantity(thickness, "thickness").to("um")
    if along_z is None:
        what = "its section is" if shape[0] == 1 else "its sections are"
        raise DataError(
            f"KG-236: {path.name!r} does not state how thick {what} (PhysicalSizeZ).  Give"
            " thickness='4 um'."
        )
    return ([stated.size["x"], stated.size["y"], along_z], "um")


def write_ome_tiff(image: Image, path: Path) -> Path:
    """Write an image with its channels; see `krogh.io.write`.

    Raises
    ------
    SpecError
        KG-112 for a grid that is turned or does not start at 0, which OME-TIFF cannot say, and for
        numbers that it does not know.
    MissingExtra
        KG-901 without tifffile.
    """
    tifffile = require_extra("tifffile", "a TIFF image", "imaging")
    plain = Grid(image.grid.shape, (image.grid.spacing, "um"))
    if image.grid.differences(plain):
        raise SpecError(
            "KG-112: an OME-TIFF says how large pixels are, not how they lie in the patient"
            f" ({'; '.join(image.grid.differences(plain))}); write NIfTI (.nii.gz)."
        )
    values = image.values
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype == np.int64 or values.dtype == np.uint64:
        if not (np.abs(values) < 2**31).all():
            raise SpecError("KG-112: OME-TIFF holds whole numbers of up to 32 bits.")
        values = values.astype(np.int32)
    if not image.channels:
        values = values[None]
    size = {
        f"PhysicalSize{a}{part}": value
        for a, step in zip("XYZ", image.grid.spacing, strict=True)
        for part, value in (("", float(step)), ("Unit", "µm"))
    }
    metadata: dict[str, Any] = {"axes": "CZYX", "Name": image.name, **size}
    if image.channels:
        metadata["Channel"] = {"Name": list(image.channels)}

    content = io.BytesIO()
    tifffile.imwrite(
        content, values, ome=True, photometric="minisblack", metadata=metadata, compression=None
    )
    return write_whole(path, lambda temporary: temporary.write_bytes(content.getbuffer()))
