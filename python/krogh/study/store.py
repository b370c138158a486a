"""Results as HDF5 files with the study inside.

SPDX-License-Identifier: BSD-3-Clause

Layout (format ``krogh-result``, version 1): the axes ``line``, ``time`` and ``cell`` are dimension
scales at the root, with ``distance``, ``positions`` and ``volumes`` beside them; the groups
``tissue`` and ``plasma`` have one dataset for each output with the attributes ``units`` and
``long_name``; ``krogh/study`` is the study as TOML, ``krogh/facts`` the rest as JSON.  The result
of the well-mixed comparator lies in the group ``well_mixed`` in the same form.  xarray reads the
file with ``xarray.open_datatree(path, engine="h5netcdf")``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from krogh.errors import SpecError
from krogh.labeled import LabeledArray
from krogh.provenance import Provenance
from krogh.study.levels import TargetOutcome
from krogh.study.limits import Limit
from krogh.study.numbers import Numbers
from krogh.study.result import DrugName, Mark, StudyResult
from krogh.study.run import models_hash
from krogh.table import ResultTable, require_extra
from krogh.whole_files import write_hdf5

__all__ = ["open_file", "save_result"]

FORMAT: Final = "krogh-result"
VERSION: Final = 1
_IMAGES: Final = (".nii", ".nii.gz", ".ome.tif", ".ome.tiff", ".vti", ".vtkhdf")


# --- writing --------------------------------------------------------------------------------------


def save_result(result: StudyResult, path: Path) -> Path:
    """Write a result; see `StudyResult.save`."""

    def fill(file: Any) -> None:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        _write_group(file, result)
        if result.comparator is not None:
            _write_group(file.create_group("well_mixed"), result.comparator, "whole")

    return write_hdf5(path, fill, "a results file")


def _write_group(group: Any, result: StudyResult, cell: str = "cell") -> None:
    """Write a result; the axis of cells is called `cell` in the file."""
    scales = {
        "time": (result.times.values, result.times.unit),
        "line": (np.arange(result.num_lines), ""),
        cell: (np.arange(result.num_cells), ""),
    }
    for name, (values, unit) in scales.items():
        dataset = group.create_dataset(name, data=values)
        dataset.attrs["units"] = unit
        dataset.make_scale(name)
    for array in (result.distance, result.positions, result.volumes):
        _write_array(group, group, array, cell)
    for kind in ("tissue", "plasma"):
        inside = group.create_group(kind, track_order=True)
        for array in getattr(result, kind).values():
            _write_array(group, inside, array, cell)
    krogh = group.create_group("krogh")
    krogh.attrs["version"] = result.provenance.version
    krogh["study"] = result.study.to_toml()
    krogh["facts"] = json.dumps(_facts(result), ensure_ascii=False)


def _write_array(root: Any, group: Any, array: LabeledArray, cell: str) -> None:
    small = array.values.size < 1024
    options = {} if small else {"compression": "gzip", "shuffle": True}
    dataset = group.create_dataset(array.name, data=array.values, **options)
    dataset.attrs["units"] = array.unit
    dataset.attrs["long_name"] = array.name
    for axis, dim in enumerate(array.dims):
        dataset.dims[axis].attach_scale(root[cell if dim == "cell" else dim])


def _facts(result: StudyResult) -> dict[str, Any]:
    """Return what is no array of the result, as JSON has it."""
    return {
        "kind": result.kind,
        "drugs": [asdict(drug) for drug in result.drugs],
        "marks": {
            n: {"values": _list(m.values), "words": m.words} for n, m in result.marks.items()
        },
        "targets": [
            {**asdict(t), "values": _list(t.values), "reached": t.reached.tolist()}
            for t in result.targets
        ],
        "ledger": {
            "columns": {n: _list(c) for n, c in result.ledger.columns.items()},
            "units": dict(result.ledger.units),
            "title": result.ledger.title,
        },
        "balance_error": result.balance_error,
        "stats": {name: values.tolist() for name, values in result.stats.items()},
        "provenance": asdict(result.provenance),
        "numbers": None if result.numbers is None else result.numbers.to_document(),
        "limits": [asdict(limit) for limit in result.limits],
        "failures": list(result.failures),
        "notes": list(result.notes),
    }


def _list(values: Any) -> list[Any]:
    found: list[Any] = np.asarray(values).tolist()
    return found


# --- reading --------------------------------------------------------------------------------------


def open_file(path: str | Path) -> Any:
    """Open a file: a result (``.h5``), a plan (``.json``, ``.h5``), a study (``.toml``), an image.

    Parameters
    ----------
    path
        What `StudyResult.save`, `krogh.dose.Plan.save` or `Study.save` wrote, or what
        `krogh.io.read` reads (fields, images).

    Returns
    -------
    StudyResult, Plan, Study, Fields or Image

    Raises
    ------
    SpecError
        KG-142 for a file that is not there, is no result of krogh, or was written by a newer
        version; as `Study.load` for a study, as `krogh.dose.load` for a plan.
    MissingExtra
        KG-901 without h5py.

    Examples
    --------
    >>> import krogh as kg
    >>> kg.open("result.h5")  # doctest: +SKIP
    """
    path = Path(path)
    if path.suffix.lower() == ".toml":
        from krogh.study.study import Study

        return Study.load(path)
    if path.is_dir() or path.name.lower().endswith(_IMAGES):
        from krogh.io import read

        return read(path)
    if not path.is_file():
        from krogh.study.document import neighbors_hint

        raise SpecError(f"KG-142: there is no file {str(path)!r}.{neighbors_hint(path)}")
    if path.suffix.lower() == ".json":
        from krogh.dose import load

        return load(path)
    h5py = require_extra("h5py", "a results file")
    if not h5py.is_hdf5(path):
        raise SpecError(
            f"KG-142: {str(path)!r} is no HDF5 file; krogh.open reads what result.save('x.h5')"
            " wrote, plans (.json, .h5) and studies (.toml)."
        )
    try:
        with h5py.File(path, "r") as file:
            if "krogh" in file.attrs and "format" not in file.attrs:
                from krogh.dose import load

                return load(path)
            if file.attrs.get("format") == "krogh-fields":
                from krogh.io import read

                return read(path)
            _check_format(file, path)
            result = _read_group(file)
            if "well_mixed" in file:
                result = replace(result, comparator=_read_group(file["well_mixed"]), _cache={})
            return _with_warning(result)
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise SpecError(
            f"KG-142: {str(path)!r} is damaged or incomplete: {error}.  Run the study again"
            " (krogh run), or take another copy of the file."
        ) from error


def _check_format(file: Any, path: Path) -> None:
    found = file.attrs.get("format")
    if found != FORMAT:
        raise SpecError(f"KG-142: {str(path)!r} is an HDF5 file, but no result of krogh.")
    version = int(file.attrs["version"])
    if version > VERSION:
        raise SpecError(
            f"KG-142: {str(path)!r} has version {version} of the format and this krogh reads up to"
            f" {VERSION}; update krogh."
        )


def _with_warning(result: StudyResult) -> StudyResult:
    """Return a result that says so where its study would now be another one."""
    if models_hash(result.study) == result.provenance.model_hash or _CHANGED in result.notes:
        return result
    return replace(result, notes=(*result.notes, _CHANGED), _cache={})


_CHANGED: Final = (
    "the library's values have changed since: run again, this study gives other numbers"
)


def _read_array(dataset: Any, time_unit: str) -> LabeledArray:
    name = str(dataset.attrs["long_name"])
    names = (str(axis[0].name).rpartition("/")[2] for axis in dataset.dims)
    dims = tuple("cell" if name == "whole" else name for name in names)
    coords = {dim: axis[0][()] for dim, axis in zip(dims, dataset.dims, strict=True)}
    units = {"time": time_unit} if "time" in dims else {}
    return LabeledArray(dataset[()], dims, str(dataset.attrs["units"]), name, coords, units)


def _read_group(group: Any) -> StudyResult:
    from krogh.study.study import Study

    facts = json.loads(group["krogh/facts"][()].decode("utf-8"))
    study = Study.from_toml(group["krogh/study"][()].decode("utf-8"), "the study of the file")
    unit = str(group["time"].attrs["units"])
    arrays = {name: _read_array(group[name], unit) for name in ("distance", "positions", "volumes")}
    return StudyResult(
        study=study,
        kind=facts["kind"],
        times=LabeledArray(group["time"][()], ("time",), unit, "time"),
        tissue=_read_arrays(group["tissue"], unit),
        plasma=_read_arrays(group["plasma"], unit),
        drugs=tuple(DrugName(**drug) for drug in facts["drugs"]),
        marks={
            name: Mark(np.array(mark["values"], dtype=np.float64), mark["words"])
            for name, mark in facts["marks"].items()
        },
        targets=tuple(
            TargetOutcome(
                **{
                    **target,
                    "values": np.array(target["values"], dtype=np.float64),
                    "reached": np.array(target["reached"], dtype=bool),
                }
            )
            for target in facts["targets"]
        ),
        ledger=ResultTable(**facts["ledger"]),
        balance_error=float(facts["balance_error"]),
        stats={k: np.array(v, dtype=np.int64) for k, v in facts["stats"].items()},
        provenance=Provenance(
            **{**facts["provenance"], "citations": tuple(facts["provenance"]["citations"])}
        ),
        numbers=None if facts["numbers"] is None else Numbers.of_document(facts["numbers"]),
        limits=tuple(_limit(limit) for limit in facts["limits"]),
        failures=tuple(facts["failures"]),
        notes=tuple(facts["notes"]),
        distance=arrays["distance"],
        positions=arrays["positions"],
        volumes=arrays["volumes"],
    )


def _limit(content: Mapping[str, Any]) -> Limit:
    return Limit(**{**content, "parameters": tuple(content["parameters"])})


def _read_arrays(group: Any, unit: str) -> Mapping[str, LabeledArray]:
    arrays = (_read_array(dataset, unit) for dataset in group.values())
    return {array.name: array for array in arrays}
