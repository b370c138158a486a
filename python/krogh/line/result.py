"""Results along lines: outputs of every cell and of the plasma, volume-weighted summaries.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.labeled import LabeledArray
from krogh.line.arrays import Evaluator
from krogh.line.ledger import Ledger, ledger_of
from krogh.line.outcome import Outcome, Settings
from krogh.line.overview import headline, notes, summary
from krogh.line.parts import LineFailure, PlasmaResult, needed_states, provenance_of
from krogh.line.problem import LineProblem
from krogh.line.weighing import fraction_between, quantile_of_cells
from krogh.model.expression import Expression, Symbol
from krogh.provenance import Provenance, Verification
from krogh.table import ResultTable, require_extra
from krogh.units import factor, parse_quantity, require_dimension

__all__ = ["LineResult"]

Floats = NDArray[np.float64]


class LineResult:
    """Results of `simulate_line`.

    ``result["occupancy_HER2"]`` is a `LabeledArray` with axes ("line", "time", "cell"), computed
    from the recorded states when it is asked for.

    Attributes
    ----------
    problem, settings
        What was solved and how, internal units.
    failures : tuple of LineFailure
        Lines that could not be solved; their values are NaN.
    status
        0 for success, shape (lines,).
    stats
        Steps accepted and rejected of each line.
    method
        What solved it.
    verification
        Comparison with an independent method where one was asked for.
    """

    def __init__(
        self,
        problem: LineProblem,
        settings: Settings,
        outcome: Outcome,
        *,
        outputs: tuple[str, ...],
        time_unit: str,
        dosing: str,
        verification: Verification | None = None,
        directions: tuple[str, ...] = (),
        wall_seconds: float = 0.0,
        doses: Any = None,
    ) -> None:
        self.problem = problem
        self.settings = settings
        self._outcome = outcome
        self.outputs = outputs
        self.time_unit = time_unit
        self.dosing = dosing
        self.verification = verification
        self.directions = directions
        self.wall_seconds = wall_seconds
        self._doses = doses
        self.status = outcome.status
        self.stats: Mapping[str, NDArray[np.int64]] = outcome.stats
        self.method = outcome.method
        self.failures = tuple(self._failure(f) for f in outcome.failures)

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end; False where `progress` stopped it."""
        return not self._outcome.stopped

    @property
    def provenance(self) -> Provenance:
        """How it came about: versions, models, tolerances, steps, references of the models."""
        return provenance_of(self, self._outcome)

    # --- where and when ---------------------------------------------------------------------------

    @property
    def num_lines(self) -> int:
        """Number of lines."""
        return self.problem.count

    @property
    def times(self) -> LabeledArray:
        """Times of records, axis ("time",)."""
        values = self.settings.grid / factor(self.time_unit)
        return LabeledArray(values, ("time",), self.time_unit, "time")

    def _per_cell(self, values: Floats, unit: str, name: str) -> LabeledArray:
        if values.shape[0] == 1:
            return LabeledArray(values[0], ("cell",), unit, name)
        return LabeledArray(values, ("line", "cell"), unit, name)

    @property
    def faces(self) -> LabeledArray:
        """Faces of the cells, um, axes ("face",), or ("line", "face") where lines differ."""
        faces = self.problem.faces
        if faces.shape[0] == 1:
            return LabeledArray(faces[0], ("face",), "um", "faces")
        return LabeledArray(faces, ("line", "face"), "um", "faces")

    @property
    def positions(self) -> LabeledArray:
        """Centers of the cells, um, axes ("cell",), or ("line", "cell") where lines differ."""
        return self._per_cell(self._centers, "um", "position")

    @cached_property
    def _centers(self) -> Floats:
        return self.problem.shape.centers_of(self.problem.faces)

    @property
    def pieces(self) -> NDArray[np.int64]:
        """Number of the piece that each cell belongs to: vessel, or segment of a capillary."""
        sizes = [p.cells for p in self.problem.shape.pieces]
        return np.repeat(np.arange(len(sizes)), sizes)

    @property
    def vessel(self) -> dict[str, LabeledArray]:
        """Concentrations in the blood of a capillary by mobile species, per free volume.

        Axes ("line", "time", "segment"); empty for other shapes.
        """
        blood = self._outcome.vessel
        if blood is None:
            return {}
        c = self.problem.tissue
        found = {}
        for k, m in enumerate(self.problem.mobiles):
            if m.transport.wall_kind == "closed":
                continue
            name, unit = c.state_names[m.state], c.state_units[m.state]
            values = blood[:, :, :, k] * c.state_factors[m.state]
            whole = self.labeled(values, name, unit)
            coords = {n: whole.coords[n] for n in ("line", "time")}
            coords["segment"] = np.arange(values.shape[2])
            dims = ("line", "time", "segment")
            found[name] = LabeledArray(values, dims, unit, name, coords, {"time": self.time_unit})
        return found

    @property
    def distance(self) -> LabeledArray:
        """Distance of the centers from the supplying wall, um."""
        values = self.problem.shape.distance_of(self.problem.faces)
        return self._per_cell(values, "um", "distance")

    @property
    def volumes(self) -> LabeledArray:
        """Volumes of the cells: um^2 (per um of a cylinder), um^3 (sphere) or um (slab).

        Of several pieces, each weighted by how much of it is in one unit of all together.
        """
        return self._per_cell(self.problem.volumes, self._size_unit, "volume")

    @property
    def _size_unit(self) -> str:
        geometry = self.problem.shape.geometry
        return {"cylindrical": "um^2", "spherical": "um^3", "cartesian": "um"}[geometry]

    # --- values -----------------------------------------------------------------------------------

    @property
    def recorded(self) -> tuple[str, ...]:
        """Tissue species whose cells are kept."""
        names = self.problem.tissue.state_names
        return tuple(names[i] for i in self.settings.recorded)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.outputs, *self.recorded]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self.outputs or name in self.recorded

    @property
    def evaluator(self) -> Evaluator:
        """Values of the tissue's names in every line, record and cell, internal units.

        A new one at each call: it keeps what it has computed.
        """
        p = self.problem
        symbols: dict[str, Any] = {"t": self.settings.grid[None, :, None]}
        for i, name in enumerate(p.tissue.parameter_names):
            symbols[name] = p.parameters[:, None, i : i + 1]
        symbols |= {name: values[:, None, :] for name, values in p.fields.items()}
        for i, name in enumerate(self.recorded):
            symbols[name] = self._outcome.values[:, :, i, :]
        return Evaluator(p.tissue.model, symbols)

    @property
    def plasma_evaluator(self) -> Evaluator:
        """Values of the systemic model's names in every line and record, internal units."""
        c = self.problem.systemic
        assert c is not None
        assert self._outcome.plasma is not None
        symbols: dict[str, Any] = {"t": self.settings.grid[None, :]}
        for i, name in enumerate(c.parameter_names):
            symbols[name] = self.problem.plasma_parameters[:, i : i + 1]
        for i, name in enumerate(c.state_names):
            symbols[name] = self._outcome.plasma[:, :, i]
        return Evaluator(c.model, symbols)

    @property
    def plasma_states(self) -> Floats:
        """States of the systemic model, internal units, shape (lines, times, states)."""
        assert self._outcome.plasma is not None
        return self._outcome.plasma

    @property
    def plasma(self) -> PlasmaResult:
        """Outputs and species of the systemic model by name."""
        return PlasmaResult(self)

    def expression_of(self, name: str) -> tuple[Expression, str]:
        """Return the expression and unit of an output or species that can be computed.

        Raises
        ------
        SpecError
            KG-118 for an unknown name, or one whose species were not recorded.
        """
        c = self.problem.tissue
        if name in c.output_names:
            expression: Expression = c.model.outputs[name].expression
            unit = c.output_units[c.output_index(name)]
        elif name in c.state_names:
            expression, unit = Symbol(name), c.state_units[c.state_index(name)]
        else:
            known = [*c.output_names, *c.state_names]
            raise SpecError(
                f"KG-118: the tissue has no output or species {name!r}."
                f"{did_you_mean(str(name), known)}  It has {', '.join(known)}."
            )
        missing = needed_states(c.model, [expression]) - set(self.recorded)
        if missing:
            raise SpecError(
                f"KG-118: {name!r} needs {', '.join(map(repr, sorted(missing)))}, which was not"
                f" recorded; add {name!r} to record=[...]."
            )
        return expression, unit

    def __getitem__(self, name: str) -> LabeledArray:
        expression, unit = self.expression_of(name)
        shape = (self.problem.count, self.settings.grid.size, self.problem.cells)
        values = np.broadcast_to(self.evaluator.value(expression), shape)
        scale = factor(unit or "1")
        return self.labeled(values if scale == 1.0 else values / scale, name, unit)

    def labeled(self, values: Floats, name: str, unit: str) -> LabeledArray:
        """Return numbers with axes of lines, times and, where there is a third one, cells."""
        coords: dict[str, Any] = {
            "line": np.arange(self.problem.count),
            "time": self.settings.grid / factor(self.time_unit),
        }
        dims = ("line", "time", "cell")[: values.ndim]
        if values.ndim == 3:
            coords["cell"] = np.arange(self.problem.cells)
        return LabeledArray(values, dims, unit, name, coords, {"time": self.time_unit})

    # --- summaries, weighted by volume ------------------------------------------------------------

    def _weights(self, weights: Any) -> Floats:
        """Return weights of lines, times and cells: volumes, times what `weights` says."""
        volumes = self.problem.volumes[:, None, :]
        if weights is None:
            return volumes
        more = self[weights].values if isinstance(weights, str) else np.asarray(weights)
        result: Floats = volumes * more
        return result

    def mean(self, name: str, *, weights: Any = None) -> LabeledArray:
        """Return the mean over the cells, weighted by volume, axes ("line", "time").

        Parameters
        ----------
        name
            An output or recorded species.
        weights
            A further weight: the name of an output such as ``"viable"``, or numbers that broadcast
            to (line, time, cell).
        """
        array, w = self[name], self._weights(weights)
        values = (array.values * w).sum(axis=2) / np.broadcast_to(w, array.shape).sum(axis=2)
        return self.labeled(values, name, array.unit)

    def fraction_of_cells(
        self, name: str, *, at_least: Any = None, at_most: Any = None, weights: Any = None
    ) -> LabeledArray:
        """Return the fraction of the volume whose value is at least, or at most, so much.

        Between the centers of cells values are straight lines, as for targets and studies.

        Parameters
        ----------
        at_least, at_most
            A number in the output's unit or text with a unit.
        """
        array = self[name]
        low, high = (self._limit(v, array.unit, name) for v in (at_least, at_most))
        if low is None and high is None:
            raise SpecError("KG-118: fraction_of_cells needs at_least=... or at_most=....")
        pieces = [piece.cells for piece in self.problem.shape.pieces]
        values = fraction_between(array.values, self._weights(weights), low, high, pieces)
        return self.labeled(values, f"fraction of cells by {name}", "")

    def _limit(self, value: Any, unit: str, name: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        quantity = parse_quantity(value, f"the limit of {name}")
        require_dimension(quantity.unit, unit or "1", f"the limit of {name}")
        return float(quantity.to(unit or "1"))

    def quantile(self, name: str, q: Any, *, weights: Any = None) -> LabeledArray:
        """Return quantiles over the cells: what a fraction `q` of the volume does not exceed.

        Interpolated between cells, as for targets and studies.

        Axes ("line", "time"), for several `q` ("quantile", "line", "time").
        """
        array = self[name]
        levels = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if np.any((levels < 0.0) | (levels > 1.0)):
            raise SpecError(f"KG-118: quantiles lie between 0 and 1, not {q!r}.")
        w = np.broadcast_to(self._weights(weights), array.shape)
        values = np.array([quantile_of_cells(array.values, w, level) for level in levels])
        if np.ndim(q) == 0:
            return self.labeled(values[0], name, array.unit)
        whole = self.labeled(values[0], name, array.unit)
        return LabeledArray(
            values,
            ("quantile", "line", "time"),
            array.unit,
            name,
            {"quantile": levels, **whole.coords},
            {"time": self.time_unit},
        )

    # --- amounts ----------------------------------------------------------------------------------

    @property
    def content(self) -> dict[str, LabeledArray]:
        """Amounts in one line by species, sum of volume times concentration."""
        c = self.problem.tissue
        return {
            name: self.labeled(
                self._outcome.contents[:, :, i] * c.state_factors[i],
                f"content of {name}",
                self._amount_unit(c.state_units[i]),
            )
            for i, name in enumerate(c.state_names)
        }

    @property
    def entered(self) -> dict[str, LabeledArray]:
        """Amounts that have entered one line through its supplying walls, by mobile species."""
        c = self.problem.tissue
        found = {}
        for k, m in enumerate(self.problem.mobiles):
            name = c.state_names[m.state]
            values = self._outcome.entered[:, :, k].sum(axis=-1) * c.state_factors[m.state]
            unit = self._amount_unit(c.state_units[m.state])
            found[name] = self.labeled(values, f"entered {name}", unit)
        return found

    def _amount_unit(self, unit: str) -> str:
        return f"{unit} {self._size_unit}".strip()

    def ledger(
        self,
        groups: Mapping[str, Iterable[str]] | None = None,
        plasma: Mapping[str, Iterable[str]] | None = None,
    ) -> Ledger:
        """Return what does not balance: content less what was there and what has entered.

        Parameters
        ----------
        groups
            Name to the tissue species that together conserve what a mobile species brings in, for
            example all forms of one drug (or species to numbers); by default the sums that the
            model's reactions conserve, and mobile species that do not react.
        plasma
            Name to the systemic species, one that counts what is eliminated among them, that
            together hold what is dosed: content less doses, plus what entered the tumour.
        """
        return ledger_of(self, self._outcome, groups, plasma, self._doses)

    # --- sensitivities ----------------------------------------------------------------------------

    def sensitivity(self, output: str, name: str) -> LabeledArray:
        """Return d(output)/d(name) of a tissue output, species, or output of the plasma.

        Axes as of the output; in its unit per unit of `name`.

        Raises
        ------
        SpecError
            KG-118 for what was not asked for.
        """
        from krogh.line.derivatives import output_derivative

        return output_derivative(self, self._outcome, output, name)

    # --- other forms ------------------------------------------------------------------------------

    def to_table(self, outputs: Sequence[str] | None = None) -> ResultTable:
        """Return a long table: line, time, cell, distance and one column for each output."""
        names = list(self.outputs if outputs is None else outputs)
        n, r, m = self.problem.count, self.settings.grid.size, self.problem.cells
        distance = np.broadcast_to(np.atleast_2d(self.distance.values)[:, None, :], (n, r, m))
        columns: dict[str, Any] = {
            "line": np.repeat(np.arange(n), r * m),
            "time": np.tile(np.repeat(self.times.values, m), n),
            "cell": np.tile(np.arange(m), n * r),
            "distance": distance.reshape(-1),
        }
        units = {"time": self.time_unit, "distance": "um"}
        for name in names:
            array = self[name]
            columns[name], units[name] = array.values.reshape(-1), array.unit
        return ResultTable(columns, units)

    def to_frame(self, outputs: Sequence[str] | None = None) -> Any:
        """Return the long table as a pandas DataFrame.

        Raises
        ------
        MissingExtra
            KG-901 without pandas.
        """
        return self.to_table(outputs).to_frame()

    def to_xarray(self) -> Any:
        """Return an xarray Dataset: outputs by line, time and cell, the plasma by line and time.

        Raises
        ------
        MissingExtra
            KG-901 without xarray.
        """
        xarray = require_extra("xarray", "a labeled dataset")
        data = {name: self[name].to_xarray() for name in self.outputs}
        for name in self.plasma:
            data[name if name not in data else f"plasma_{name}"] = self.plasma[name].to_xarray()
        dataset = xarray.Dataset(data)
        for label, array in (("distance", self.distance), ("volume", self.volumes)):
            dataset = dataset.assign_coords({label: (array.dims, array.values)})
            dataset[label].attrs["units"] = array.unit
        dataset.attrs.update(
            model=self.problem.tissue.model.name,
            dosing=self.dosing,
            rtol=self.settings.rtol,
            method=self.method,
        )
        return dataset

    def _failure(self, f: Any) -> LineFailure:
        position = float("nan")
        if f.cell >= 0:
            position = float(self._centers[f.line if len(self._centers) > 1 else 0, f.cell])
        when = f.time / factor(self.time_unit)
        return LineFailure(
            f.line, when, self.time_unit, f.species, f.cell, position, f.reason, f.code
        )

    def __str__(self) -> str:
        return "\n".join([headline(self), *notes(self), str(summary(self))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in notes(self))
        return (
            f"<div><strong>{html.escape(headline(self))}</strong><br>{lines}"
            f"{summary(self)._repr_html_()}</div>"
        )
