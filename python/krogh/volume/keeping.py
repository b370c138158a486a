"""What a volume run keeps while it goes on: checkpoints, saved fields, what was reached.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.errors import DataError, SpecError
from krogh.units import parse_quantity
from krogh.volume.checkpoint import Snapshot, read_checkpoint, write_checkpoint
from krogh.volume.saving import RecordStream
from krogh.whole_files import write_whole

__all__ = ["Keeping", "Kept", "interval_of", "snapshot_of"]

Floats = NDArray[np.float64]

_LOG = logging.getLogger("krogh")

SHARE: Final = 0.05
"""Largest share of the time that writing checkpoints may take; they become rarer instead."""

_POSITIONAL: Final = (
    "values of the tissue's parameters",
    "faces_x",
    "faces_y",
    "faces_z",
    "mobile",
    "diffusivity",
    "fraction",
    "record_times",
)
_NOT_OF_THE_PROBLEM: Final = ("num_threads", "progress", "max_steps", "jump")
_OUTPUTS: Final = ("values", "contents", "exchanged", "entered", "fed", "plasma")
_WORDS: Final = {
    "faces_x": "the grid along x",
    "faces_y": "the grid along y",
    "faces_z": "the grid along z",
    "mobile": "what moves, and the sides",
    "record_times": "the times",
    "regions": "the tissue's voxels",
    "exchange_rates": "the exchange with vessels",
    "recorded": "what is recorded",
    "plasma_parameters": "values of the plasma's parameters",
    "dose_times": "the times of doses",
    "dose_amounts": "the doses",
}


def interval_of(given: Any) -> tuple[float, int]:
    """Return seconds and steps between checkpoints: a text with unit, or a number of steps.

    Raises
    ------
    SpecError
        KG-119 for a number or time that is not positive.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        if given >= 1:
            return 0.0, given
    elif isinstance(given, str):
        seconds = parse_quantity(given, "checkpoint_interval").to("s")
        if seconds > 0.0:
            return seconds, 0
    raise SpecError(
        "KG-119: checkpoint_interval is a time such as '60 s', or a whole number of steps, not"
        f" {given!r}."
    )


def snapshot_of(resume: Any, checkpoint: Path | None) -> Snapshot | None:
    """Return where to go on: a file, an unfinished result, or True for the checkpoint if there is.

    Raises
    ------
    SpecError
        KG-119 for what is none of these, or a result that came to its end.
    DataError
        KG-237 as of `read_checkpoint`.
    """
    if resume is None or resume is False:
        return None
    if resume is True:
        if checkpoint is None:
            raise SpecError("KG-119: resume=True goes on from checkpoint=..., which is not given.")
        return read_checkpoint(checkpoint) if checkpoint.exists() else None
    if isinstance(resume, (str, Path)):
        return read_checkpoint(resume)
    if hasattr(resume, "snapshot"):
        if isinstance(resume.snapshot, Snapshot):
            return resume.snapshot
        raise SpecError("KG-119: resume: this result came to its end; there is nothing to go on.")
    raise SpecError(
        "KG-119: resume takes True, the path of a checkpoint, or a result that did not come to its"
        f" end, not {resume!r}."
    )


@dataclass
class Kept:
    """What the solver returned, with the records of the run before it went on.

    Attributes
    ----------
    values, contents, exchanged, entered, fed, plasma
        As of the core's `VolumeRun`; `values` holds the states of the result only.
    error
        What ended the run: an exception of a file or of `progress`, or Ctrl-C; None otherwise.
    snapshot
        Where it can go on; None where it came to its end.
    """

    run: Any
    values: Floats
    contents: Floats
    exchanged: Floats
    entered: Floats
    fed: Floats
    plasma: Floats | None
    error: BaseException | None
    snapshot: Snapshot | None


@dataclass
class Keeping:
    """What a run is asked to keep.

    Attributes
    ----------
    checkpoint
        File of checkpoints; None for none.
    seconds, steps
        How often.
    resume
        Where to go on.
    stream
        Fields to be saved while the run goes on.
    recorded
        States that the solver records: those of the result first, then further ones for `stream`.
    count
        How many of them are the result's.
    models
        What the models say, by name, for the fingerprint.
    jumps
        A number for every jump of the states so far, kept by whoever makes them.
    """

    checkpoint: Path | None = None
    seconds: float = 0.0
    steps: int = 0
    resume: Snapshot | None = None
    stream: RecordStream | None = None
    recorded: tuple[int, ...] = ()
    count: int = 0
    models: Mapping[str, Any] = field(default_factory=dict)
    jumps: list[float] = field(default_factory=list)

    def call(self, program: Any, *arguments: Any, **options: Any) -> Kept:
        """Run the core's solver with these arguments.

        Raises
        ------
        DataError
            KG-238 where the run to go on from was of another problem, KG-237 where its file of
            fields is not there.
        SpecError
            KG-133 where a file cannot be begun, KG-164 for what the core refuses.
        """
        run = _Run(self, lambda: self._fingerprint(arguments, options), arguments[-1].size)
        run.begin([part.size - 1 for part in arguments[1:4]])
        solver: Callable[..., Any] = _core.simulate_volume
        try:
            reached = solver(program, *arguments, **options, **run.options())
        except BaseException as error:
            run.give_up()
            if isinstance(error, ValueError):
                raise SpecError(f"KG-164: the volume solver refuses this: {error}.") from None
            raise
        return run.finish(reached)

    def _fingerprint(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, str]:
        parts: dict[str, Any] = dict(zip(_POSITIONAL, arguments, strict=True))
        parts |= {k: v for k, v in options.items() if k not in _NOT_OF_THE_PROBLEM}
        parts |= self.models
        parts["what is recorded"] = (self.recorded[: self.count], self.recorded)
        parts["what is saved"] = self.stream.facts if self.stream is not None else None
        found = {}
        for name, value in parts.items():
            if isinstance(value, _core.Program):
                continue  # its text is one of the models
            digest = hashlib.sha256()
            _add(digest.update, value)
            found[_WORDS.get(name, name.replace("_", " "))] = digest.hexdigest()[:16]
        return found


def _add(put: Callable[[bytes], Any], value: Any) -> None:
    """Put a value into a hash: numbers by their bits, containers by their items."""
    if isinstance(value, np.ndarray):
        put(f"{value.dtype.str}{value.shape}".encode())
        put(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, (list, tuple)):
        put(f"[{len(value)}".encode())
        for item in value:
            _add(put, item)
    elif isinstance(value, Mapping):
        put(f"{{{len(value)}".encode())
        for key, item in value.items():
            put(str(key).encode())
            _add(put, item)
    else:
        put(f"{value!r};".encode())


class _Run:
    """One call of the solver."""

    def __init__(
        self, asked: Keeping, fingerprint: Callable[[], dict[str, str]], records: int
    ) -> None:
        self._asked = asked
        self._fingerprint = fingerprint
        self._found: dict[str, str] | None = None
        self._records = records
        self._kept: Floats | None = None
        self._cost = 0.0
        self._written = -np.inf
        self._earlier = asked.resume
        if asked.resume is not None:
            _require_same(asked.resume.fingerprint, self._problem())
            _compare_builds(asked.resume.facts)

    def _problem(self) -> dict[str, str]:
        if self._found is None:
            self._found = self._fingerprint()
        return self._found

    def begin(self, counts: list[int]) -> None:
        """Find out now whether the files can be written."""
        asked = self._asked
        if self._earlier is not None:
            asked.jumps[:] = self._earlier.records["jumps"].tolist()
        if asked.checkpoint is not None:
            path = asked.checkpoint
            trial = path.with_name(path.name + ".part") if path.is_file() else path
            write_whole(trial, lambda file: file.write_bytes(b"")).unlink()
        if asked.stream is None:
            return
        shape = (counts[2], counts[1], counts[0])
        empty = np.full((len(asked.recorded), *shape), np.nan)
        self._kept = np.full((self._records, asked.count, *shape), np.nan)
        asked.stream.open(empty, None if self._earlier is None else self._earlier.saved)

    def give_up(self) -> None:
        """Leave nothing behind of a run that did not begin."""
        if self._asked.stream is not None:
            self._asked.stream.close(remove=self._earlier is None)

    def options(self) -> dict[str, Any]:
        """Return the keywords of the core that concern what is kept."""
        asked = self._asked
        found: dict[str, Any] = {
            "keep_end": asked.checkpoint is not None or asked.stream is not None,
            "returns_errors": True,
        }
        if self._earlier is not None:
            found["resume"] = {
                name: value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value
                for name, value in self._earlier.state.items()
            }
        if asked.stream is not None:
            found |= {"on_record": self._record, "one_record": True}
        if asked.checkpoint is not None:
            found |= {
                "on_state": self._keep,
                "state_seconds": asked.seconds,
                "state_steps": asked.steps,
            }
        return found

    def _record(self, record: int, values: Floats) -> None:
        assert self._kept is not None
        assert self._asked.stream is not None
        self._kept[record] = values[0, : self._asked.count]
        self._asked.stream.put(record, values[0])

    def _keep(self, state: dict[str, Any], *output: Any) -> None:
        now = time.perf_counter()
        if self._asked.seconds > 0.0 and now - self._written < self._cost * (1.0 / SHARE - 1.0):
            return
        self._write(self._snapshot(state, *output))
        self._written = time.perf_counter()
        self._cost = self._written - now

    def _write(self, snapshot: Snapshot) -> None:
        assert self._asked.checkpoint is not None
        if self._asked.stream is not None:
            self._asked.stream.sync()
        write_checkpoint(self._asked.checkpoint, snapshot)

    def _snapshot(self, state: dict[str, Any], *output: Any) -> Snapshot:
        state = dict(state)
        stream = self._asked.stream
        missed = None if stream is None else stream.missed(int(state["next_record"]))
        if missed is not None:
            state["next_record"] = missed  # its time is the state's: it is recorded once more
        arrays = dict(zip(_OUTPUTS, self._whole(output), strict=True))
        count = int(state["next_record"])
        return Snapshot(
            state,
            {name: a[:count] for name, a in arrays.items() if a is not None}
            | {"jumps": np.array(self._asked.jumps, dtype=np.float64)},
            self._problem,
            () if stream is None else tuple(stream.crcs),
            {
                **_build(),
                "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            },
        )

    def _whole(self, output: tuple[Any, ...]) -> list[Any]:
        """Return the arrays of all records, those from before the run went on put in."""
        arrays = list(output)
        if self._kept is not None:
            arrays[0] = self._kept
        if self._earlier is not None:
            for name, array in zip(_OUTPUTS, arrays, strict=True):
                if array is not None:
                    before = self._earlier.records[name]
                    array[: len(before)] = before
        return arrays

    def finish(self, run: Any) -> Kept:
        """Put together what was reached; write the last checkpoint and finish the file."""
        asked, error = self._asked, run.error
        output = tuple(getattr(run, name) for name in _OUTPUTS)
        snapshot = None if run.state is None else self._snapshot(run.state, *output)
        try:
            if snapshot is not None and asked.checkpoint is not None:
                self._write(snapshot)
            if asked.stream is not None and error is None and run.status == 0:
                asked.stream.finish()
        except (SpecError, KeyboardInterrupt) as failure:
            if error is not None:
                _LOG.warning("what was reached is in memory only: %s", failure)
            error = failure if error is None else error
        if asked.stream is not None:
            asked.stream.close()
        values, contents, exchanged, entered, fed, plasma = self._whole(output)
        is_done = run.status == 0 and error is None
        return Kept(
            run,
            values,
            contents,
            exchanged,
            entered,
            fed,
            plasma,
            error,
            None if is_done else snapshot,
        )


def _build() -> dict[str, str]:
    """Return what decides bits beside the problem."""
    return {
        "krogh": str(_core.__version__),
        "instructions": str(_core.instruction_set()),
        "machine": platform.machine(),
    }


def _compare_builds(facts: Mapping[str, Any]) -> None:
    for name, value in _build().items():
        if facts.get(name) != value:
            _LOG.warning(
                "the run to go on from had %s %s and this one has %s: its last bits may differ from"
                " those of a run without a break",
                name,
                facts.get(name),
                value,
            )


def _require_same(earlier: Mapping[str, str], problem: Mapping[str, str]) -> None:
    names = dict.fromkeys([*problem, *earlier])
    other = [n for n in names if earlier.get(n) != problem.get(n)]
    if other:
        raise DataError(
            "KG-238: the run to go on from was of another problem; what differs:"
            f" {', '.join(other)}.  Only max_steps, num_threads and progress may change."
        )
