"""Files by their suffix: which reader and writer they belong to.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from krogh.errors import DataError, SpecError, did_you_mean
from krogh.io.dicom import read_dicom
from krogh.io.fields import Fields
from krogh.io.image import Image
from krogh.io.nifti import nifti_bytes, read_nifti
from krogh.io.ome_tiff import read_ome_tiff, write_ome_tiff
from krogh.io.vti import read_vti, write_vti
from krogh.io.vtkhdf import read_vtkhdf, write_vtkhdf
from krogh.whole_files import write_whole

__all__ = ["SUFFIXES", "read", "write"]

_READERS: Final[dict[str, Callable[..., Any]]] = {
    ".nii.gz": read_nifti,
    ".nii": read_nifti,
    ".ome.tif": read_ome_tiff,
    ".ome.tiff": read_ome_tiff,
    ".tif": read_ome_tiff,
    ".tiff": read_ome_tiff,
    ".dcm": read_dicom,
    ".vti": read_vti,
    ".vtkhdf": read_vtkhdf,
    ".h5": read_vtkhdf,
}

SUFFIXES: Final = tuple(_READERS)
"""What `read` knows; a folder is a DICOM series."""


def _suffix(path: Path) -> str:
    return next((s for s in _READERS if path.name.lower().endswith(s)), "")


def read(path: str | Path, **options: Any) -> Image | Fields:
    """Read an image, or fields that krogh wrote.

    Parameters
    ----------
    path
        A file; its suffix says what it is (``.nii``, ``.nii.gz``, ``.ome.tif``, ``.vti``,
        ``.vtkhdf``, ``.h5``).  A folder is read as a DICOM series.
    **options
        Of the reader: `read_nifti`, `read_ome_tiff`, `read_dicom`.

    Returns
    -------
    Image or Fields

    Raises
    ------
    DataError
        KG-234 for a file that is not there, damaged, or of an unknown kind, and as of the readers.
    SpecError
        KG-103 for an option that the reader does not have.
    MissingExtra
        KG-901 where a package is missing.
    """
    path = Path(path)
    if not path.exists():
        from krogh.study.document import neighbors_hint

        raise DataError(f"KG-234: there is no file {str(path)!r}.{neighbors_hint(path)}")
    suffix = ".dcm" if path.is_dir() else _suffix(path)
    if not suffix:
        raise DataError(
            f"KG-234: {path.name!r} has no suffix that krogh reads: {', '.join(SUFFIXES)}, or a"
            " folder with a DICOM series.  NumPy arrays become images by"
            " krogh.io.Image(array, krogh.space.Grid(array.shape, '2 mm'), unit)."
        )
    reader = _READERS[suffix]
    known = list(inspect.signature(reader).parameters)[1:]
    for name in options:
        if name not in known:
            raise SpecError(
                f"KG-103: a file {suffix} is read without an option {name!r}."
                f"{did_you_mean(name, known)}  It has {', '.join(known) or 'none'}."
            )
    found: Image | Fields = reader(path, **options)
    return found


def write(what: Image | Fields, path: str | Path) -> Path:
    """Write an image or fields to a file, whole or not at all.

    The file is written under another name in the same folder, synced to the disk, and renamed: an
    older file of that name stays until the new one is whole.

    Parameters
    ----------
    what
        An image or fields.
    path
        ``.nii``, ``.nii.gz``, ``.ome.tif`` (images), ``.vti``, ``.vtkhdf``, ``.h5`` (both).

    Raises
    ------
    SpecError
        KG-133 for a path that cannot be written or a full disk; what was to be written is kept in
        memory.  KG-112 for what the kind of file cannot hold.
    MissingExtra
        KG-901 where a package is missing.
    """
    path = Path(path)
    suffix = _suffix(path)
    if suffix in (".vti", ".vtkhdf", ".h5"):
        fields = _as_fields(what)
        writer = write_vti if suffix == ".vti" else write_vtkhdf
        return writer(fields, path)
    if suffix in (".nii", ".nii.gz", ".ome.tif", ".ome.tiff", ".tif", ".tiff"):
        if isinstance(what, Fields):
            raise SpecError(
                f"KG-112: a file {suffix} holds one image; say which field:"
                f" save({path.name!r}, {next(iter(what), 'name')!r})."
            )
        if suffix.startswith(".nii"):
            content = nifti_bytes(what, compressed=suffix == ".nii.gz")
            return write_whole(path, lambda temporary: temporary.write_bytes(content))
        return write_ome_tiff(what, path)
    raise SpecError(
        f"KG-112: {path.name!r} has no suffix that krogh writes: .nii, .nii.gz, .ome.tif, .vti,"
        " .vtkhdf, .h5."
    )


def _as_fields(what: Image | Fields) -> Fields:
    if isinstance(what, Fields):
        return what
    names = what.channels or (what.name,)
    parts = what.values if what.channels else what.values[None]
    values = {n: (p[None], what.unit) for n, p in zip(names, parts, strict=True)}
    return Fields(what.grid, ([0.0], "s"), values)
