"""What is kept of each voxel's line: means over its cells, shares, depths, amounts, targets.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.study import statistics
from krogh.study.outputs import Outputs
from krogh.units import convert

if TYPE_CHECKING:
    from krogh.study.study import Study
    from krogh.tumour.voxel_values import VoxelValues

__all__ = ["Quantities", "Quantity", "quantities_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """One map: what it is, and how it is read from lines.

    Attributes
    ----------
    name
        ``"occupancy_HER2"``, ``"covered_HER2"``, ``"reached_TDM1"``, ``"depth_TDM1"``,
        ``"amount_TDM1"``, ``"target_1"``.
    kind
        ``mean``, ``share``, ``depth``, ``amount``, or of a target ``attained`` or ``reached``.
    output
        Output of the tissue that is read; of a target its number.
    """

    name: str
    unit: str
    words: str
    kind: str
    output: str


@dataclass(frozen=True)
class Quantities:
    """All maps of a study.

    Attributes
    ----------
    kept
        Numbers of the records that become maps.
    record
        Outputs that are computed along the lines.
    times, time_unit
        Of the maps.
    units
        Of each map; that of a target is known when it was evaluated.
    """

    study: Study
    items: tuple[Quantity, ...]
    kept: NDArray[np.int64]
    times: Floats
    time_unit: str
    record: list[str]
    voxel_volume: float
    bytes_per_line: int
    units: dict[str, str]

    def empty(self, count: int) -> dict[str, Floats]:
        """Return maps of NaN, shape (times, voxels)."""
        return {q.name: np.full((self.kept.size, count), np.nan) for q in self.items}

    def fill(
        self,
        maps: Mapping[str, Floats],
        line: Any,
        values: Mapping[str, Any],
        start: int,
        stop: int,
    ) -> None:
        """Put what lines say into the maps of their voxels."""
        from krogh.study.run import marks_of

        tissue = _Once(Outputs(line.problem.tissue.model.outputs, line.__getitem__))
        volumes = np.broadcast_to(line.problem.volumes, (stop - start, line.problem.cells))
        living = tissue["viable"].values if "viable" in tissue else None
        marks = marks_of(self.study, tissue, values, stop - start)
        distance = np.broadcast_to(np.atleast_2d(line.distance.values), volumes.shape)
        attained = [_attained(self.study, line, t) for t in self.study.targets]
        for q in self.items:
            if q.kind in ("attained", "reached"):
                number, reached, unit = attained[int(q.output)]
                found = number if q.kind == "attained" else reached
                maps[q.name][-1, start:stop] = np.where(line.status == 0, found, np.nan)
                if q.kind == "attained":
                    self.units[q.name] = unit
                continue
            array = tissue[q.output].values
            for k, record in enumerate(self.kept):
                cells = array[:, record]
                weights = volumes if living is None else volumes * living[:, record]
                if q.kind == "mean":
                    found = statistics.mean(cells, volumes if q.output == "viable" else weights)
                elif q.kind == "share":
                    limit = marks[q.output].values if q.output in marks else 0.9
                    found = statistics.share_at_least(cells, weights, limit)
                    found = np.where(np.isfinite(cells).all(axis=1), found, np.nan)
                elif q.kind == "depth":
                    found, _ = statistics.half_depth(cells, distance)
                    found = np.where(np.isfinite(cells).all(axis=1), found, np.nan)
                else:
                    # Amount in the tissue of one um of vessel, times the length in the voxel.
                    outer = line.problem.lengths["outer_radius"]
                    length = self.voxel_volume / (np.pi * outer**2)
                    amount = (cells * volumes).sum(axis=1) * length
                    found = convert(amount, f"{tissue[q.output].unit} um^3", "pmol")
                maps[q.name][k, start:stop] = found


class _Once(Mapping[str, Any]):
    """Outputs that are computed once each."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        self._outputs = outputs
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found[name] = self._outputs[name]
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)


def _attained(study: Study, line: Any, target: Any) -> tuple[Floats, Floats, str]:
    """Return what lines attain of a target, 1 where they reach it, and the unit."""
    from krogh.study.run import _names, dose_starts
    from krogh.units import factor

    stop = float(line.times.values[-1]) * factor(line.time_unit)
    found = target.evaluate(line, names=_names(study), dose_times=dose_starts(study, stop))
    unit = "%" if found.unit.startswith("% of") else found.unit
    return np.asarray(found.values), np.asarray(found.reached, dtype=np.float64), unit


def quantities_of(
    study: Study, voxels: VoxelValues, kept: NDArray[np.int64], arguments: Mapping[str, Any]
) -> Quantities:
    """Return which maps a study has."""
    _, tissue = study.models
    items = list(_means(tissue.outputs, study))
    for drug in study.assembly.drugs:
        name = drug.name
        free, total = f"free_{drug.label}", f"total_{drug.label}"
        if free in tissue.outputs and f"association_rate_{drug.label}" in tissue.parameters:
            words = f"share of cells with free {name} of at least its Kd"
            items.append(Quantity(f"reached_{drug.label}", "", words, "share", free))
        if total in tissue.outputs:
            words = f"depth at which {name} falls to half of that at the vessel"
            items.append(Quantity(f"depth_{drug.label}", "um", words, "depth", total))
            words = f"{name} in the voxel, all forms"
            items.append(Quantity(f"amount_{drug.label}", "pmol", words, "amount", total))
    for output in tissue.outputs:
        if output.startswith("occupancy_"):
            target = output.partition("_")[2]
            words = f"share of cells with {target} occupancy of at least 90 %"
            items.append(Quantity(f"covered_{target}", "", words, "share", output))
    for k, wanted in enumerate(study.targets):
        words = f"attained of: {wanted}"
        items.append(Quantity(f"target_{k + 1}", "", words, "attained", str(k)))
        words = f"whether reached: {wanted}"
        items.append(Quantity(f"target_{k + 1}_reached", "", words, "reached", str(k)))
    grid, unit = arguments["times"]
    return Quantities(
        study=study,
        items=tuple(items),
        kept=kept,
        times=np.asarray(grid, dtype=np.float64)[kept],
        time_unit=unit,
        record=list(tissue.outputs),
        voxel_volume=voxels.grid.voxel_volume,
        units={q.name: "" if q.unit == "1" else q.unit for q in items},
        bytes_per_line=8 * len(grid) * len(tissue.species) * study.shape.num_cells,
    )


def _means(outputs: Mapping[str, Any], study: Study) -> Iterator[Quantity]:
    names = {d.label: d.name for d in study.assembly.drugs}
    for name, output in outputs.items():
        kind, _, label = name.partition("_")
        who = names.get(label, label)
        words = "share of cells alive" if name == "viable" else f"{kind} of {who}, mean over cells"
        yield Quantity(name, output.unit or "", words, "mean", name)
