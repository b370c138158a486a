"""Lesions as maps: every voxel of an image carries its own line around a vessel.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError, SpecError
from krogh.simulate.progress import Callback, ProgressBar, chosen_progress
from krogh.space.grid import Grid
from krogh.tumour.lesion_dose import Taken
from krogh.tumour.lesion_quantities import Quantities, quantities_of
from krogh.tumour.lesion_result import LesionMap, VoxelFailure
from krogh.tumour.voxel_values import VoxelValues, voxel_values
from krogh.units import convert, factor, parse_quantity

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["batch_size", "lesion_map", "map_arguments", "require_cylinders", "solve_map"]

_LOG = logging.getLogger("krogh")

_BYTES: Final = 128 * 2**20
"""Room for the states of one batch of lines; outputs of the batch take several times as much."""

_MUCH: Final = 10.0
"""Per cent of the dose in the lesions from which a warning is given: the plasma, and with it what
the voxels get, is then too high by about as much."""

_LEAST: Final = 256
_MOST: Final = 16_384


def lesion_map(
    study: Study,
    *,
    vessel_density: Any = None,
    permeability: Any = None,
    receptors_per_cell: Any = None,
    target_density: Any = None,
    cell_density: Any = None,
    values: Mapping[str, Any] | None = None,
    mask: Any = None,
    grid: Grid | None = None,
    times: Any = None,
    batch: int | None = None,
    progress: bool | Callable[[int, int, float], Any] | None = None,
    on_failure: Literal["raise", "return"] = "return",
) -> LesionMap:
    """Solve a study in every voxel of a lesion: micro in macro.

    Each voxel (0.5 to 5 mm) holds many parallel vessels; one of them stands for all, with the
    tissue that it supplies (Krogh 1919, doi:10.1113/jphysiol.1919.sp001839): the outer radius is
    ``1/sqrt(pi N)`` of the voxel's vessel density N.  All voxels see one patient's plasma, also
    those of different lesions.  The plasma does not feel what they take (`krogh.tumour.lesions`: it
    does), and no drug passes from one voxel to the next; both hold where the lesions hold little of
    the dose and a voxel is wide against the distance between vessels.

    Parameters
    ----------
    study
        Drugs, a tumour that is a cylinder around a vessel, subject, regimen, end of the run; what
        no image states is taken from it.
    vessel_density
        Vessels per area of a section: an `krogh.io.Image`, ``(array, "1/mm^2")`` or text for all
        voxels.  Left out, the radius of the study's tumour holds everywhere.
    permeability
        Of the vessel wall, likewise (``"cm/s"``); a mapping by drug where there are several.
    receptors_per_cell, target_density
        Of the target (``"molecules/cell"`` or ``"nM"``); a mapping by target where there are
        several.
    cell_density
        ``"cells/mL"``.
    values
        Other parameters of the tissue, and ``"inner_radius"``, ``"outer_radius"``, likewise.
    mask
        An image or array: voxels that are not 0 are computed, and each label is one lesion.  Left
        out, all voxels.
    grid
        Where arrays lie, if nothing is an image.
    times
        Times of the maps with unit, ``["6 h", "24 h"]``; the end of the study if left out.
    batch
        Voxels that are solved at a time; by default as many as fit into 128 MB.  The bits of the
        result do not depend on it.
    progress
        As in `krogh.simulate`: a bar with the time left on a terminal.  A function
        ``progress(done, total, seconds)`` may return False to stop: voxels that were not reached
        are NaN, and `LesionMap.is_complete` is False.
    on_failure
        ``"return"``: voxels that could not be solved are NaN and listed in `LesionMap.failures`;
        ``"raise"``.

    Returns
    -------
    LesionMap
        Means over the cells of each voxel, shares of cells reached, depths, amounts, as maps on the
        grid of the images.

    Raises
    ------
    DataError
        KG-231 for values that are not finite, negative, or make no cylinder, with the voxel; KG-232
        for an empty mask; KG-233 for images on different grids.
    SpecError
        KG-112 for a tumour that is no cylinder, a tumour volume (the plasma does not feel the
        lesions), or values that exclude each other; KG-103 for unknown names.
    UnitError
        KG-121, KG-124 for units.
    SolverError
        KG-320 with ``on_failure="raise"``, naming the voxel.
    KeyboardInterrupt
        Ctrl-C; nothing is kept.

    Examples
    --------
    >>> import krogh as kg
    >>> study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=32, rtol=1e-2)  # doctest: +SKIP
    >>> lesion = kg.io.read("lesion.nii.gz")  # doctest: +SKIP
    >>> vessels = kg.io.read("vessels.nii.gz", unit="1/mm^2")  # doctest: +SKIP
    >>> result = kg.tumour.lesion_map(study, vessel_density=vessels, mask=lesion)  # doctest: +SKIP
    >>> result.save("occupancy.nii.gz", "occupancy_HER2")  # doctest: +SKIP
    """
    began = time.perf_counter()
    require_cylinders(study, batch, on_failure)
    voxels = voxel_values(
        study,
        vessel_density=vessel_density,
        permeability=permeability,
        receptors_per_cell=receptors_per_cell,
        target_density=target_density,
        cell_density=cell_density,
        values=values or {},
        mask=mask,
        grid=grid,
    )
    arguments, kept = map_arguments(study, times)
    quantities = quantities_of(study, voxels, kept, arguments)
    callback = chosen_progress(progress, "voxels")
    try:
        result = solve_map(study, voxels, arguments, quantities, batch, callback, on_failure)
    finally:
        if isinstance(callback, ProgressBar):
            callback.close()
    result.wall_seconds = time.perf_counter() - began
    much = [s for s in result.taken["share"] if s > _MUCH]
    if much:
        _LOG.warning(
            "the lesions take %.3g %% of the dose, and the plasma does not feel it: the maps are"
            " too high; with krogh.tumour.lesions it does",
            max(much),
        )
    if result.failures:
        _LOG.warning(
            "%s of %s voxels failed; the first: %s",
            f"{len(result.failures):,}",
            f"{voxels.count:,}",
            result.failures[0],
        )
    return result


def require_cylinders(study: Any, batch: Any, on_failure: str) -> None:
    """Raise SpecError KG-112, KG-119 for a study or options that make no map."""
    from krogh.study.study import Study

    if not isinstance(study, Study):
        raise SpecError(
            f"KG-112: lesion_map needs a krogh.Study, not {type(study).__name__}: it says which"
            " drug, dose and tumour."
        )
    if study.tumour.geometry != "cylinder":
        raise SpecError(
            f"KG-112: tumour {study.tumour.name!r} is a {study.tumour.geometry}; the voxels of a"
            " lesion are cylinders around vessels."
        )
    if study.tumour_volume is not None:
        raise SpecError(
            "KG-112: the size of lesions follows from their voxels; leave tumour_volume out"
            " (study.with_values(tumour_volume=None)).  What lesions take from the plasma is"
            " followed by krogh.tumour.lesions."
        )
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise SpecError(f"KG-119: batch must be a positive whole number, not {batch!r}.")
    if on_failure not in ("raise", "return"):
        raise SpecError(f"KG-119: on_failure must be 'raise' or 'return', not {on_failure!r}.")


def map_arguments(study: Study, times: Any) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Return the arguments of `krogh.simulate_line`, and which records become maps."""
    from krogh.simulate.grid import times_of
    from krogh.study.run import check_targets, line_arguments

    check_targets(study)
    end = parse_quantity(study.until)
    unit = end.unit
    seconds = times_of([study.until] if times is None else times)
    if seconds[0] < 0.0 or seconds[-1] > end.internal * (1.0 + 1e-12):
        raise SpecError(
            f"KG-119: maps are taken between 0 and the end of the study, {study.until}; asked for"
            f" {seconds[0] / factor(unit):g} to {seconds[-1] / factor(unit):g} {unit}."
        )
    wanted = np.unique(seconds / factor(unit))
    arguments = line_arguments(study, None, None, 100)
    arguments.pop("verify", None)
    if study.targets:  # they may ask for any time of the run
        recorded, given = arguments["times"]
        grid = np.union1d(convert(recorded, given, unit), wanted)
    else:
        grid = wanted
    arguments["times"] = (grid, unit)
    kept = np.searchsorted(grid, wanted)
    return arguments, kept.astype(np.int64)


def batch_size(quantities: Quantities) -> int:
    """Return how many lines are solved at a time."""
    return int(np.clip(_BYTES // max(quantities.bytes_per_line, 1), _LEAST, _MOST))


def solve_map(
    study: Study,
    voxels: VoxelValues,
    arguments: Mapping[str, Any],
    quantities: Quantities,
    batch: int | None,
    callback: Callback | None,
    on_failure: str,
) -> LesionMap:
    """Return the maps of one lesion, batch after batch."""
    from krogh.line import simulate_line

    size = batch or batch_size(quantities)
    count = voxels.count
    began = time.perf_counter()
    maps = quantities.empty(count)
    status = np.full(count, -1, dtype=np.int64)
    failures: list[VoxelFailure] = []
    plasma: dict[str, Any] = {}
    taken = Taken(study, voxels.grid.voxel_volume)
    steps = 0
    stopped = False
    for start in range(0, count, size):
        stop = min(start + size, count)

        def report(done: int, total: int, seconds: float, start: int = start) -> Any:
            nonlocal stopped
            if callback is not None:
                spent = time.perf_counter() - began
                stopped = callback(start + done, count, spent) is False
            return not stopped

        part = voxels.part(start, stop)
        line = simulate_line(
            **arguments,
            lines=stop - start,
            values=part,
            record=quantities.record,
            progress=report,
            on_failure="nan",
        )
        failed = [f.line for f in line.failures]
        status[start:stop] = line.status
        unreached = line.status != 0  # a stopped run leaves lines behind without a failure
        unreached[failed] = False
        status[start:stop][unreached] = -1
        if not plasma:
            plasma = {n: a.sel(line=0) for n, a in line.plasma.items()}
        quantities.fill(maps, line, part, start, stop)
        taken.add(line)
        steps += int(np.sum(line.stats["accepted"]))
        failures += [VoxelFailure.of(f, voxels, start) for f in line.failures]
        if failures and on_failure == "raise":
            raise SolverError(
                f"KG-320: {failures[0]}.\n  on_failure='return' keeps the other voxels."
            )
        if stopped:
            break
    return LesionMap(
        study=study,
        voxels=voxels,
        quantities=quantities,
        maps=maps,
        status=status,
        failures=tuple(failures),
        plasma=plasma,
        steps=steps,
        taken=taken.table(),
    )
