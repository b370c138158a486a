"""Fields that a volume run writes to a file while it goes on.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError, did_you_mean
from krogh.io.fields import Fields
from krogh.io.stream import FieldStream, open_stream
from krogh.line.outcome import Outcome, Settings
from krogh.line.times import record_times
from krogh.units import factor, format_number
from krogh.volume.exchange import Exchange
from krogh.volume.problem import WAYS, VolumeProblem
from krogh.volume.result import VolumeResult

__all__ = ["RecordStream", "Save", "one_record", "save_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Save:
    """Which fields go to a file while a volume is solved, and when.

    Attributes
    ----------
    file
        ``"tumour.vtkhdf"`` or ``.h5``: one HDF5 file for ParaView and xarray; ``"tumour.vti"``: a
        file for each time, with the list ``tumour.vti.series``.
    fields
        Outputs and species of the tissue; all outputs if left out.
    times
        Which of the recorded times, as of `krogh.simulate_volume`; all of them if left out.
    """

    file: str | Path
    fields: Sequence[str] | None = None
    times: Any = None


def one_record(
    problem: VolumeProblem,
    settings: Settings,
    outputs: tuple[str, ...],
    time_unit: str,
    dosing: str,
    vessels: Exchange,
    method: str,
    record: int,
    values: Floats,
) -> Fields:
    """Return outputs at one recorded time from the voxels of the recorded states, (states, ...)."""
    flat = values.reshape(1, 1, values.shape[0], problem.grid.num_voxels)
    outcome = Outcome(
        values=flat if problem.whole else flat[..., problem.inside],
        contents=np.zeros((1, 1, len(problem.tissue.state_names))),
        entered=np.zeros((1, 1, len(problem.mobiles), len(WAYS))),
        plasma=None,
        status=np.zeros(1, dtype=np.int64),
        stats={},
        method=method,
    )
    at = replace(settings, grid=settings.grid[record : record + 1])
    result = VolumeResult(
        problem,
        at,
        outcome,
        outputs=outputs,
        time_unit=time_unit,
        dosing=dosing,
        stats={},
        curves=None,
        vessels=vessels,
    )
    return result.fields()


def save_of(given: Any) -> Save | None:
    """Return what was given as `Save`: a path, a mapping of its attributes, or itself.

    Raises
    ------
    SpecError
        KG-119 for anything else.
    """
    if given is None or isinstance(given, Save):
        return given
    if isinstance(given, (str, Path)):
        return Save(given)
    names = [f.name for f in fields(Save)]
    if not isinstance(given, Mapping) or "file" not in given:
        raise SpecError(
            "KG-119: save takes the path of a file, a krogh.volume.Save, or"
            f" {{'file': ..., 'fields': [...], 'times': ...}}, not {given!r}."
        )
    for name in given:
        if name not in names:
            raise SpecError(
                f"KG-119: save has no entry {name!r}.{did_you_mean(str(name), names)}  It has"
                f" {', '.join(names)}."
            )
    return Save(**given)


def chosen_records(times: Any, grid: Floats) -> tuple[int, ...]:
    """Return the numbers of the records at given times.

    Raises
    ------
    SpecError
        KG-119 for a time that is not recorded.
    """
    if times is None:
        return tuple(range(grid.size))
    wanted, unit = record_times(times)
    found = []
    for t in wanted:
        near = int(np.argmin(np.abs(grid - t)))
        if abs(grid[near] - t) > 1e-9 * max(abs(t), float(np.abs(grid).max())):
            shown = [format_number(float(v / factor(unit))) for v in (t, grid[near])]
            raise SpecError(
                f"KG-119: save: {shown[0]} {unit} is none of the recorded times; the nearest is"
                f" {shown[1]} {unit}."
            )
        found.append(near)
    return tuple(dict.fromkeys(found))


class RecordStream:
    """The file of a run's fields while the run goes on.

    Parameters
    ----------
    save
        What is asked for.
    grid
        Times of all records, s.
    make
        Returns the fields of a record from its number and the voxels of the recorded states.
    """

    def __init__(self, save: Save, grid: Floats, make: Callable[[int, Floats], Fields]) -> None:
        self.path = Path(save.file)
        self.records = chosen_records(save.times, grid)
        self.crcs: list[int] = []
        self._grid = grid
        self._make = make
        self._stream: FieldStream | None = None
        self.facts = {
            "records": list(self.records),
            "fields": None if save.fields is None else list(save.fields),
        }

    @property
    def is_open(self) -> bool:
        """Whether there is a file that is not finished."""
        return self._stream is not None

    def open(self, empty: Floats, crcs: Sequence[int] | None) -> None:
        """Begin the file, or go on with it where a run goes on.

        Parameters
        ----------
        empty
            Values of the states of one record; which does not matter.
        crcs
            Of the records that the file holds already; None for a new file.

        Raises
        ------
        SpecError
            KG-133 for a path that cannot be written, KG-112 for an unknown suffix.
        DataError
            KG-237 where the file is not the one that was begun.
        """
        template = self._make(self.records[0], empty)
        times = self._grid[list(self.records)] / factor(template.time_unit)
        stream = open_stream(self.path, template, times, begun=crcs is not None)
        for number, crc in enumerate(crcs or ()):
            if stream.check(number) != crc:
                stream.close()
                raise DataError(
                    f"KG-237: {str(self.path)!r} does not hold the fields that the checkpoint"
                    f" speaks of: those at {format_number(float(times[number]))}"
                    f" {template.time_unit} are others."
                )
        self.crcs = list(crcs or ())
        self._stream = stream

    def put(self, record: int, values: Floats) -> None:
        """Write a record if it is one of those to be saved."""
        if record in self.records[len(self.crcs) :]:
            assert self._stream is not None
            number = self.records.index(record)
            self.crcs.append(self._stream.put(number, self._make(record, values)))

    def missed(self, next_record: int) -> int | None:
        """Return the record that was reached but could not be written; None if there is none."""
        due = [r for r in self.records[len(self.crcs) :] if r < next_record]
        return due[0] if due else None

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        if self._stream is not None:
            self._stream.sync()

    def finish(self) -> None:
        """Give the file its name."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.finish()

    def close(self, *, remove: bool = False) -> None:
        """Leave the unfinished file, or remove it."""
        if self._stream is not None:
            self._stream.close(remove=remove)
            self._stream = None
