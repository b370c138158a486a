"""DICOM series: slices sorted by where they lie, units by their tags.

SPDX-License-Identifier: BSD-3-Clause

Tags and coordinates after DICOM PS3.3: image plane C.7.6.2, PET image and series C.8.9.  Patient
coordinates of DICOM run to the left and back (LPS); krogh's, as NIfTI's, to the right and front.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.io.image import Image
from krogh.space.grid import Grid
from krogh.table import require_extra

__all__ = ["read_dicom"]

_APART: Final = 0.01
"""Slices are evenly spaced where no distance differs from the median by more than this share, and
lie above each other within it; positions are written with a few digits."""

_NOTED: Final = (
    "Modality",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "DecayCorrection",
    "CorrectedImage",
    "PatientWeight",
)
_TRACER: Final = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)


def read_dicom(
    path: str | Path | Sequence[str | Path], series: str | None = None, *, name: str = ""
) -> Image:
    """Read the slices of one series.

    Parameters
    ----------
    path
        A folder (searched with its subfolders; what is no DICOM is passed over), one file, or a
        list of files.
    series
        SeriesInstanceUID, or the beginning or end of it, where there are several.
    name
        What the image is called; the description of the series if left out.

    Returns
    -------
    Image
        Values (z, y, x), each slice by its own RescaleSlope and RescaleIntercept.  PET is in Bq/mL,
        and the tags about decay stand in ``notes``; CT numbers and MR signals have no unit.

    Raises
    ------
    DataError
        KG-234 for no image or one that cannot be decoded; KG-235 for several series, slices that
        differ in size or direction, doubled or missing slices, several frames in one file; KG-236
        for PET whose values are not stated in BQML, with the tag.
    MissingExtra
        KG-901 without pydicom.
    """
    pydicom = require_extra("pydicom", "a DICOM series", "imaging")
    files = _files(path)
    slices: list[tuple[Path, Any]] = []
    for file in files:
        try:
            found = pydicom.dcmread(file)
        except pydicom.errors.InvalidDicomError:
            continue
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f"KG-234: {str(file)!r} cannot be read: {error}.") from error
        if "Rows" in found and "SeriesInstanceUID" in found:
            slices.append((file, found))
    if not slices:
        where = str(path) if isinstance(path, (str, Path)) else "the list"
        raise DataError(f"KG-234: none of the {len(files)} files of {where!r} is a DICOM image.")
    slices = _one_series(slices, series)
    _require_alike(slices)
    slices, spacing = _sorted(slices)
    values = np.stack([_scaled(file, slice_) for file, slice_ in slices])
    first = slices[0][1]
    grid = Grid.from_affine(
        (values.shape[0], values.shape[1], values.shape[2]), _affine(first, spacing), "mm"
    )
    return Image(
        values,
        grid,
        _unit(slices),
        name=name or str(first.get("SeriesDescription", "")) or "DICOM series",
        notes=_notes(first),
    )


def _files(path: str | Path | Sequence[str | Path]) -> list[Path]:
    if isinstance(path, (str, Path)):
        place = Path(path)
        if place.is_dir():
            return sorted(f for f in place.rglob("*") if f.is_file() and f.name != "DICOMDIR")
        return [place]
    return [Path(p) for p in path]


def _one_series(slices: list[tuple[Path, Any]], wanted: str | None) -> list[tuple[Path, Any]]:
    by_series: dict[str, list[tuple[Path, Any]]] = {}
    for file, found in slices:
        by_series.setdefault(str(found.SeriesInstanceUID), []).append((file, found))
    if wanted is not None:
        matching = [u for u in by_series if u.startswith(wanted) or u.endswith(wanted)]
    else:
        matching = list(by_series)
    if len(matching) == 1:
        return by_series[matching[0]]
    listed = "\n".join(
        f"  {u}: {len(s)} slices, {s[0][1].get('Modality', '?')}"
        f" {str(s[0][1].get('SeriesDescription', ''))!r}"
        for u, s in by_series.items()
    )
    what = "no series" if not matching else f"{len(matching)} series"
    asked = "" if wanted is None else f" with the number {wanted!r}"
    raise DataError(f"KG-235: there are {what}{asked}; choose one by series=...:\n{listed}")


def _require_alike(slices: list[tuple[Path, Any]]) -> None:
    """Raise DataError KG-235 unless all slices are planes of one volume."""
    first_file, first = slices[0]
    for file, found in slices:
        for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            if found.get(tag) in (None, ""):
                raise DataError(
                    f"KG-235: {file.name!r} has no {tag}; where it lies in the patient is unknown."
                    + (
                        "  Images with several frames in one file are not read; convert them to"
                        " NIfTI."
                        if int(found.get("NumberOfFrames", 1) or 1) > 1
                        else ""
                    )
                )
        if int(found.get("NumberOfFrames", 1) or 1) > 1 or int(found.SamplesPerPixel) != 1:
            raise DataError(
                f"KG-235: {file.name!r} has several frames or colors; one gray slice for each file"
                " is read."
            )
        for tag in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient"):
            one = np.asarray(first.get(tag), dtype=np.float64)
            other = np.asarray(found.get(tag), dtype=np.float64)
            if not np.allclose(one, other, rtol=1e-4, atol=1e-4):
                raise DataError(
                    f"KG-235: the slices do not fit each other: {tag} is {found.get(tag)} in"
                    f" {file.name!r} and {first.get(tag)} in {first_file.name!r}."
                )


def _axes(found: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the directions of columns, rows and slices (LPS)."""
    cosines = np.asarray(found.ImageOrientationPatient, dtype=np.float64)
    along_row, along_column = cosines[:3], cosines[3:]
    return along_row, along_column, np.cross(along_row, along_column)


def _sorted(slices: list[tuple[Path, Any]]) -> tuple[list[tuple[Path, Any]], float]:
    """Return the slices in the order of their places, and their distance in mm."""
    normal = _axes(slices[0][1])[2]
    places = np.array([np.asarray(s.ImagePositionPatient, dtype=np.float64) for _, s in slices])
    heights = places @ normal
    order = np.argsort(heights, kind="stable")
    slices = [slices[k] for k in order]
    places, heights = places[order], heights[order]
    if len(slices) == 1:
        found = slices[0][1]
        thickness = found.get("SpacingBetweenSlices") or found.get("SliceThickness")
        if not thickness or not float(thickness) > 0.0:
            raise DataError(
                f"KG-235: one slice only, {slices[0][0].name!r}, and no SliceThickness: how thick"
                " its voxels are is unknown."
            )
        return slices, float(thickness)
    steps = np.diff(heights)
    apart = np.sort(steps[steps > 0.0])
    typical = float(apart[(apart.size - 1) // 2]) if apart.size else 0.0
    same = np.flatnonzero(steps <= _APART * typical)
    if same.size:
        k = int(same[0])
        raise DataError(
            f"KG-235: two slices lie at one place ({heights[k]:.4g} mm along the normal):"
            f" {slices[k][0].name!r} and {slices[k + 1][0].name!r}"
            + (f", and {same.size - 1} more pairs" if same.size > 1 else "")
            + ".  The folder may hold several time points or copies."
        )
    wide = np.flatnonzero(np.abs(steps - typical) > _APART * typical)
    if wide.size:
        k = int(wide[0])
        missing = round(float(steps[k]) / typical) - 1
        what = f"{missing} missing" if missing > 0 else "uneven spacing"
        raise DataError(
            f"KG-235: {what} between {slices[k][0].name!r} and {slices[k + 1][0].name!r}: they lie"
            f" {steps[k]:.4g} mm apart, the others {typical:.4g} mm."
            + (f"  There are {wide.size - 1} more such places." if wide.size > 1 else "")
        )
    drift = (places - places[0]) - np.outer(heights - heights[0], normal)
    row = float(np.asarray(slices[0][1].PixelSpacing, dtype=np.float64).min())
    most = float(np.linalg.norm(drift, axis=1).max())
    if most > 0.1 * row:
        raise DataError(
            f"KG-235: the slices are shifted against each other by up to {most:.3g} mm (a tilted"
            " gantry): the image is sheared.  Resample it first."
        )
    return slices, float(heights[-1] - heights[0]) / (len(slices) - 1)


def _affine(first: Any, spacing: float) -> NDArray[np.float64]:
    """Return the affine of the series, RAS, mm."""
    along_row, along_column, normal = _axes(first)
    between_rows, between_columns = (float(s) for s in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = along_row * between_columns
    affine[:3, 1] = along_column * between_rows
    affine[:3, 2] = normal * spacing
    affine[:3, 3] = np.asarray(first.ImagePositionPatient, dtype=np.float64)
    affine[:2] *= -1.0  # left and back become right and front
    return affine


def _scaled(file: Path, found: Any) -> NDArray[np.float64]:
    try:
        stored = np.asarray(found.pixel_array, dtype=np.float64)
    except (AttributeError, ImportError, RuntimeError, ValueError, NotImplementedError) as error:
        syntax = getattr(getattr(found, "file_meta", None), "TransferSyntaxUID", None)
        name = getattr(syntax, "name", "unknown encoding")
        raise DataError(
            f"KG-234: the numbers of {file.name!r} cannot be decoded ({name}): {error}.\n"
            "  Convert the series to uncompressed DICOM or NIfTI."
        ) from error
    slope = float(found.get("RescaleSlope", 1.0) or 1.0)
    values: NDArray[np.float64] = stored * slope + float(found.get("RescaleIntercept", 0.0) or 0.0)
    return values


def _unit(slices: list[tuple[Path, Any]]) -> str:
    """Return the unit of the values by the tags of every slice."""
    for file, found in slices:
        modality = str(found.get("Modality", ""))
        if modality not in ("PT", "NM"):
            continue
        stated = str(found.get("Units", "") or "")
        if stated != "BQML":
            raise DataError(
                f"KG-236: {file.name!r}: the tag (0054,1001) Units says {stated or 'nothing'!r};"
                " only BQML is read.\n  SUV and counts need facts that files state differently;"
                " export the series in Bq/mL."
            )
        if "RescaleSlope" not in found:
            raise DataError(
                f"KG-236: {file.name!r} has no (0028,1053) RescaleSlope, so its numbers are no"
                " Bq/mL."
            )
    return "Bq/mL" if str(slices[0][1].get("Modality", "")) in ("PT", "NM") else ""


def _notes(first: Any) -> dict[str, Any]:
    notes = {tag: str(first.get(tag)) for tag in _NOTED if first.get(tag) not in (None, "")}
    for item in first.get("RadiopharmaceuticalInformationSequence", None) or ():
        notes |= {tag: str(item.get(tag)) for tag in _TRACER if item.get(tag) not in (None, "")}
    return notes
