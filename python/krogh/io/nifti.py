"""NIfTI images: the affine is kept, so results lie on the patient's grid again.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.io.image import Image
from krogh.space.grid import Grid
from krogh.table import require_extra
from krogh.units import format_number

__all__ = ["nifti_bytes", "read_nifti"]

_MARK: Final = b"krogh: "
_LENGTHS: Final = {"unknown": "mm", "meter": "m", "mm": "mm", "micron": "um"}
_TIMES: Final = {"sec": "s", "msec": "ms", "usec": "us"}


def read_nifti(
    path: str | Path, unit: str | None = None, *, spacing_suffices: bool = False
) -> Image:
    """Read a ``.nii`` or ``.nii.gz`` file.

    Parameters
    ----------
    path
        The file.
    unit
        Of the values.  NIfTI has no place for it, so without `unit` the values are pure numbers,
        except in files that krogh wrote.
    spacing_suffices
        Take a file that states spacings only and no position of the patient.

    Returns
    -------
    Image
        Values (z, y, x), scaled as the header says.  A fourth axis becomes channels, named by their
        times (``"2.5 s"``) where the header has them, else by numbers.

    Raises
    ------
    DataError
        KG-230 for an affine that is none (not finite, no volume, sheared), KG-234 for a file that
        is no NIfTI or damaged, or one without a position.
    MissingExtra
        KG-901 without nibabel.
    """
    nibabel = require_extra("nibabel", "a NIfTI image", "imaging")
    path = Path(path)
    try:
        picture = nibabel.load(path)
        if not isinstance(picture, nibabel.Nifti1Pair):
            raise DataError(f"KG-234: {str(path)!r} is {type(picture).__name__}, no NIfTI.")
        header = picture.header
        raw = np.asanyarray(picture.dataobj)
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
    ) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"KG-234: {str(path)!r} is no NIfTI file, or damaged: {error}.") from error
    length, time = header.get_xyzt_units()
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0 and not spacing_suffices:
        raise DataError(
            f"KG-234: {str(path)!r} does not say where the image lies (sform and qform codes are"
            " 0).\n  read(path, spacing_suffices=True) takes its spacings and nothing else."
        )
    while raw.ndim > 4 and raw.shape[-1] == 1:
        raw = raw[..., 0]
    if raw.ndim > 4 or raw.ndim < 2:
        raise DataError(f"KG-234: {str(path)!r} has {raw.ndim} axes; 2, 3 or 4 can be read.")
    if raw.ndim == 2:
        raw = raw[..., None]
    if raw.ndim == 4 and raw.shape[3] == 1:
        raw = raw[..., 0]
    values = np.ascontiguousarray(raw.T)  # (x, y, z, t) to (t, z, y, x)
    shape = values.shape[-3:]
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        zooms = np.array([float(z) for z in header.get_zooms()[:3]])
        grid = Grid((shape[0], shape[1], shape[2]), (zooms, _LENGTHS[length]))
    else:
        grid = Grid.from_affine(shape, picture.affine, _LENGTHS[length])
    stated = _own_facts(header)
    channels: tuple[str, ...] = ()
    if values.ndim == 4:
        channels = tuple(stated.get("channels", ())) or _time_names(header, time, values.shape[0])
    return Image(
        values,
        grid,
        stated.get("unit", "") if unit is None else unit,
        channels=channels,
        name=stated.get("name", path.name.partition(".")[0] or "image"),
        notes={
            "description": bytes(header["descrip"]).rstrip(b"\0").decode("latin-1"),
            "sform_code": int(header["sform_code"]),
            "qform_code": int(header["qform_code"]),
        },
    )


def _own_facts(header: Any) -> dict[str, Any]:
    """Return what krogh noted in an extension of the header."""
    for extension in header.extensions:
        content = extension.get_content()
        text = content.encode("utf-8") if isinstance(content, str) else bytes(content)
        if text.startswith(_MARK):
            found: dict[str, Any] = json.loads(text[len(_MARK) :].rstrip(b"\0").decode("utf-8"))
            return found
    return {}


def _time_names(header: Any, unit: str, count: int) -> tuple[str, ...]:
    step = float(header["pixdim"][4])
    if unit in _TIMES and step > 0.0:
        start = float(header["toffset"])
        return tuple(f"{format_number(start + step * k)} {_TIMES[unit]}" for k in range(count))
    return tuple(str(k) for k in range(count))


def nifti_bytes(image: Image, *, compressed: bool) -> bytes:
    """Return an image as the bytes of a NIfTI-1 file on the same grid.

    Numbers keep their type; truth values become bytes, whole numbers the shortest type that holds
    them.  The affine is stored in single precision, as the format has it.

    Raises
    ------
    MissingExtra
        KG-901 without nibabel.
    """
    nibabel = require_extra("nibabel", "a NIfTI image", "imaging")
    values = _storable(image.values)
    affine = np.array(image.grid.affine)
    picture = nibabel.Nifti1Image(values.T, affine, dtype=values.dtype)
    notes = image.notes
    picture.set_sform(affine, code=notes.get("sform_code") or 1)
    picture.set_qform(affine, code=notes.get("qform_code") or notes.get("sform_code") or 1)
    picture.header.set_xyzt_units("mm")
    picture.header["descrip"] = f"{image.name} [{image.unit or '1'}]".encode("ascii", "replace")[
        :79
    ]
    facts = {"unit": image.unit, "name": image.name, "channels": list(image.channels)}
    comment = _MARK + json.dumps(facts).encode("utf-8")
    picture.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", comment))
    content: bytes = picture.to_bytes()
    return gzip.compress(content, 6, mtime=0) if compressed else content


def _storable(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind in "ui":
        low, high = int(values.min()), int(values.max())
        for kind in (np.uint8, np.int16, np.int32, np.int64):
            limits = np.iinfo(kind)
            if limits.min <= low and high <= limits.max:
                return values.astype(kind)
    if values.dtype.itemsize < 4 or values.dtype.itemsize > 8:
        return values.astype(np.float64)
    return values
