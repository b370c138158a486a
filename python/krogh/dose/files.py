"""Plans in files: JSON, or HDF5 with the same content; written whole or not at all.

SPDX-License-Identifier: BSD-3-Clause

A plan is a document of plain values and a few arrays.  JSON holds the arrays as base64 of their
compressed little-endian bytes, HDF5 as data sets, so numbers read back exactly.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dose.drivers import Drawn
from krogh.dose.plan import Plan, Settings
from krogh.dose.regimens import Candidate
from krogh.dose.sample import Sample
from krogh.dose.space import Axis
from krogh.dose.target import Target
from krogh.dosing import Regimen
from krogh.errors import SpecError
from krogh.table import require_extra
from krogh.units import Quantity

__all__ = ["load", "save"]

_FORMAT: Final = "krogh-plan"
_VERSION: Final = 1
_ARRAYS: Final = ("values", "reached", "exposure", "done", "failed")
_DRAWN: Final = "drawn"
_CODE: Final = "KG-158"


def document(plan: Plan) -> dict[str, Any]:
    """Return a plan without its arrays as plain values."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "targets": [[str(t), t.level] for t in plan.targets],
        "limits": [[str(t), t.level] for t in plan.limits],
        "axes": [asdict(axis) for axis in plan.axes],
        "candidates": [_candidate_document(c) for c in plan.candidates],
        "current": None if plan.current is None else _candidate_document(plan.current),
        "current_position": plan.current_position,
        "drawn": [plan.drawn.names, plan.drawn.units],
        "settings": {**asdict(plan.settings), "about": dict(plan.settings.about)},
    }


def _candidate_document(candidate: Candidate) -> dict[str, Any]:
    return {
        "place": list(candidate.place),
        "point": [[q.value, q.unit] for q in candidate.point],
        "regimen": str(candidate.regimen),
        "total": [candidate.total.value, candidate.total.unit],
        "added": list(candidate.added),
        "number": candidate.number,
    }


def _candidate(document: Mapping[str, Any]) -> Candidate:
    return Candidate(
        tuple(document["place"]),
        tuple(Quantity(value, unit) for value, unit in document["point"]),
        Regimen(document["regimen"]),
        Quantity(*document["total"]),
        tuple(document["added"]),
        document["number"],
    )


def plan_of(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Plan:
    """Return the plan of a document and its arrays."""
    targets = tuple(Target(text, level) for text, level in content["targets"])
    limits = tuple(Target(text, level) for text, level in content["limits"])
    axes = tuple(Axis(**{**axis, "values": tuple(axis["values"])}) for axis in content["axes"])
    current = None if content["current"] is None else _candidate(content["current"])
    settings = dict(content["settings"])
    settings["uncertain"] = tuple(settings["uncertain"])
    return Plan(
        axes,
        tuple(_candidate(c) for c in content["candidates"]),
        current,
        content["current_position"],
        Sample(targets, limits, **{name: np.array(arrays[name]) for name in _ARRAYS}),
        Settings(**settings),
        Drawn(tuple(content["drawn"][0]), tuple(content["drawn"][1]), np.array(arrays[_DRAWN])),
    )


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(little).tobytes(), 6))
    return {"dtype": little.dtype.str, "shape": list(array.shape), "data": data.decode("ascii")}


def _unpacked(packed: Mapping[str, Any]) -> NDArray[Any]:
    raw = zlib.decompress(base64.b64decode(packed["data"]))
    return np.frombuffer(raw, dtype=packed["dtype"]).reshape(packed["shape"]).copy()


def save(plan: Plan, path: str | Path) -> Path:
    """Write a plan; a file of that name is replaced only when the new one is whole.

    Raises
    ------
    SpecError
        KG-133 for an ending that is neither ``.json`` nor ``.h5``, or a place that cannot be
        written.
    MissingExtra
        KG-901 for ``.h5`` without h5py.
    """
    target = Path(path)
    ending = checked_ending(target)
    arrays = {name: getattr(plan.sample, name) for name in _ARRAYS}
    arrays[_DRAWN] = plan.drawn.values
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if ending == ".json":
            content = document(plan) | {"arrays": {n: _packed(a) for n, a in arrays.items()}}
            partial.write_text(json.dumps(content), encoding="utf-8")
        else:
            h5py = require_extra("h5py", "an .h5 file")
            with h5py.File(partial, "w") as file:
                file.attrs["krogh"] = json.dumps(document(plan))
                for name, array in arrays.items():
                    file.create_dataset(name, data=array, compression="gzip")
        partial.replace(target)
    except OSError as error:
        raise SpecError(f"KG-133: {target} cannot be written: {error.strerror or error}.") from None
    finally:
        partial.unlink(missing_ok=True)
    return target


def checked_ending(path: Path) -> str:
    """Return the ending of a file for plans; SpecError KG-133 for another one."""
    ending = path.suffix.lower()
    if ending not in (".json", ".h5", ".hdf5"):
        raise SpecError(f"KG-133: a plan is saved as .json or .h5, not as {path.name!r}.")
    return ".json" if ending == ".json" else ".h5"


def load(path: str | Path) -> Plan:
    """Read a plan, whole or partial.

    Raises
    ------
    SpecError
        KG-158 for a file that is missing or holds no plan.
    """
    source = Path(path)
    try:
        if checked_ending(source) == ".json":
            content = json.loads(source.read_text(encoding="utf-8"))
            arrays = {n: _unpacked(packed) for n, packed in content.get("arrays", {}).items()}
        else:
            h5py = require_extra("h5py", "an .h5 file")
            with h5py.File(source, "r") as file:
                content = json.loads(file.attrs["krogh"])
                arrays = {name: file[name][...] for name in (*_ARRAYS, _DRAWN)}
        if content.get("format") != _FORMAT:
            raise SpecError(f"{_CODE}: {source} holds no plan.")
        if content["version"] > _VERSION:
            raise SpecError(
                f"{_CODE}: {source} was written by a newer krogh (plan version"
                f" {content['version']}, known is {_VERSION})."
            )
        return plan_of(content, arrays)
    except FileNotFoundError:
        raise SpecError(f"{_CODE}: there is no file {source}.") from None
    except (OSError, AttributeError, KeyError, TypeError, ValueError, zlib.error) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{_CODE}: {source} cannot be read as a plan: {error}.") from None
