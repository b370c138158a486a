"""Several lesions of one patient: what all of them take is lost to the plasma that they share.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError, SpecError
from krogh.line.added_rates import counted_unit
from krogh.space.grid import Grid
from krogh.tumour.lesion_map import batch_size, map_arguments, require_cylinders, solve_map
from krogh.tumour.lesion_quantities import Quantities, quantities_of
from krogh.tumour.lesion_result import LesionMap
from krogh.tumour.lesion_sharing import Part, Passes, Settled, share_plasma
from krogh.tumour.lesions_result import Lesions
from krogh.tumour.shared_plasma import Body, Drawn
from krogh.tumour.voxel_values import VoxelValues, voxel_values
from krogh.units import parse_quantity

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["Lesion", "lesions"]

Floats = NDArray[np.float64]

_LOG = logging.getLogger("krogh")

_AFTER_DOSE: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Knots behind each dose, in steps of the even ones: the plasma changes fast there."""

_MOST_DOSES: Final = 50

_KNOTS: Final = 2.4
"""Even knots times the root of the tolerance: with 50 of them lesions that take a tenth of the dose
are off by 1e-4 of it at most, which falls with the square."""


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion: where it lies, and what its images state.

    Attributes
    ----------
    name
        In tables and results.
    vessel_density, permeability, receptors_per_cell, target_density, cell_density, values
        As of `krogh.tumour.lesion_map`.
    mask, grid
        Likewise; the size of the lesion is that of its voxels.
    tumour
        Cells and vessels of this lesion where they differ from the study's: a name or a tumour
        around a vessel.
    """

    name: str
    vessel_density: Any = None
    permeability: Any = None
    receptors_per_cell: Any = None
    target_density: Any = None
    cell_density: Any = None
    values: Mapping[str, Any] = field(default_factory=dict)
    mask: Any = None
    grid: Grid | None = None
    tumour: Any = None


@dataclass(frozen=True)
class _Prepared:
    """A lesion with its study, arrays and what is read from its lines."""

    name: str
    study: Study
    voxels: VoxelValues
    arguments: dict[str, Any]
    quantities: Quantities
    batch: int


def lesions(
    study: Study,
    given: Sequence[Lesion],
    *,
    times: Any = None,
    knots: int | None = None,
    tolerance: float | None = None,
    max_iterations: int = 20,
    batch: int | None = None,
    progress: bool | Callable[[int, int, float], Any] | None = None,
    on_failure: Literal["raise", "return"] = "raise",
) -> Lesions:
    """Solve a study in several lesions of one patient, whose plasma loses what they take.

    Each lesion is a map as of `krogh.tumour.lesion_map`: every voxel carries its own line.  The
    plasma is solved with what all voxels took, the voxels with the new plasma, and so on until the
    plasma no longer changes (`krogh.tumour.lesion_sharing`).  What is given back, such as naked
    antibody or drug that washes out, enters the plasma likewise.

    Parameters
    ----------
    study
        Drugs, tumour, subject, regimen and end; a `krogh.Study` without ``tumour_volume``.
    given
        The lesions, with names of their own.
    times
        Times of the maps; the end of the study if left out.
    knots
        Between which the rate of uptake counts as constant: so many even steps, and four more knots
        behind each dose; ``2.4/sqrt(rtol)`` of the study (24 at 1e-2, 76 at 1e-3) if left out, as
        the error falls with the square of the steps.  `Lesions.knot_error` estimates it.
    tolerance
        To which the plasma must settle: its change from one pass to the next over the largest value
        of each species, and what is taken less what was drawn from it, over the dose.  A tenth of
        the study's ``rtol`` if left out; down to about 1e-12.
    max_iterations
        Passes over all voxels; those over a sample of them, which go before, do not count.
    batch, progress
        As of `krogh.tumour.lesion_map`; progress runs once for each pass.
    on_failure
        ``"raise"``, or ``"return"``: a plasma that has not settled is returned with ``converged``
        False, and a warning in the log.

    Returns
    -------
    Lesions
        The maps by name, the plasma, what each lesion took, and the balance of the dose.

    Raises
    ------
    SpecError
        KG-112 for studies without cylinders or doses, names that are missing or occur twice, and
        lesions whose tumour asks for another body; KG-119 for wrong options.
    DataError, UnitError
        As of `krogh.tumour.lesion_map`.
    SolverError
        KG-320 for a voxel that cannot be solved; KG-326 for a plasma that has not settled, with the
        result in ``.result``.

    Examples
    --------
    >>> import krogh as kg
    >>> study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", until="21 d")  # doctest: +SKIP
    >>> both = kg.tumour.lesions(  # doctest: +SKIP
    ...     study,
    ...     [
    ...         kg.tumour.Lesion("liver", vessel_density=density, mask=liver),
    ...         kg.tumour.Lesion("node", vessel_density="60 1/mm^2", mask=node),
    ...     ],
    ... )
    >>> print(both.summary())  # doctest: +SKIP
    """
    from krogh.study.balance import with_eliminated

    began = time.perf_counter()
    require_cylinders(study, None, on_failure)
    if knots is None:
        knots = int(np.ceil(_KNOTS / np.sqrt(study.settings.rtol)))
    if tolerance is None:
        tolerance = 0.1 * study.settings.rtol
    _require_options(study, given, knots, tolerance, max_iterations)
    prepared = [_prepared(study, one, times, batch) for one in given]
    for one in prepared[1:]:
        if one.study.models[0] != prepared[0].study.models[0]:
            raise SpecError(
                f"KG-112: the tumour of {one.name!r} asks for another model of the body than that"
                f" of {prepared[0].name!r}; lesions of one patient share it."
            )
    systemic, groups = with_eliminated(study)
    for one in prepared:
        one.arguments["systemic"] = systemic
    body = Body(study, systemic, groups, _knots(study, knots))
    start = _nothing_drawn(body, prepared)
    passes = Passes(progress)
    settled = share_plasma(
        [_part(one) for one in prepared],
        body,
        start,
        tolerance=tolerance,
        max_iterations=max_iterations,
        passes=passes,
    )
    maps = {} if settled.stopped else _maps(prepared, settled, passes)
    result = Lesions(
        study=study,
        maps=maps,
        settled=settled,
        tolerance=tolerance,
        body=body,
        wall_seconds=time.perf_counter() - began,
    )
    _judge(result, settled, on_failure)
    return result


def _judge(result: Lesions, settled: Settled, on_failure: str) -> None:
    if result.knot_error > max(result.tolerance, result.study.settings.rtol):
        _LOG.warning(
            "between the knots the plasma of the lesions may be off by %.2g of the dose; use more"
            " than %d knots",
            result.knot_error,
            settled.drawn.knots.size,
        )
    if settled.converged or settled.stopped:
        return
    change, rest = settled.history[-1]
    text = (
        f"the plasma that {len(result)} lesions share has not settled after"
        f" {len(settled.history)} passes: it still changes by {change:.2g}, and {rest:.2g} of the"
        f" dose is taken otherwise than drawn (tolerance {result.tolerance:g})"
    )
    if on_failure == "raise":
        raise SolverError(
            f"KG-326: {text}.\n  Raise max_iterations or tolerance; on_failure='return' gives what"
            " was reached.",
            result=result,
        )
    _LOG.warning("%s", text)


def _require_options(
    study: Study, given: Any, knots: Any, tolerance: Any, max_iterations: Any
) -> None:
    if study.plasma is not None:
        raise SpecError(
            "KG-112: the plasma of this study is given and held, so lesions take nothing from it;"
            " give a regimen, or use krogh.tumour.lesion_map."
        )
    if isinstance(given, (str, Lesion)) or not isinstance(given, Sequence) or not given:
        raise SpecError("KG-112: lesions needs a list of krogh.tumour.Lesion.")
    names = []
    for one in given:
        if not isinstance(one, Lesion):
            raise SpecError(f"KG-112: lesions needs krogh.tumour.Lesion, not {type(one).__name__}.")
        names.append(one.name)
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None or not all(isinstance(n, str) and n for n in names):
        raise SpecError(
            f"KG-112: two lesions are called {twice!r}."
            if twice is not None
            else "KG-112: every lesion needs a name."
        )
    for what, value, least in (("knots", knots, 2), ("max_iterations", max_iterations, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SpecError(
                f"KG-119: {what} must be a whole number from {least} on, not {value!r}."
            )
    if isinstance(tolerance, bool) or not (
        isinstance(tolerance, (int, float)) and 0.0 < tolerance < 1.0
    ):
        raise SpecError(f"KG-119: tolerance must lie between 0 and 1, not {tolerance!r}.")


def _prepared(study: Study, one: Lesion, times: Any, batch: int | None) -> _Prepared:
    own = study if one.tumour is None else study._changed(tumour=one.tumour)
    try:
        require_cylinders(own, batch, "raise")
        voxels = voxel_values(
            own,
            vessel_density=one.vessel_density,
            permeability=one.permeability,
            receptors_per_cell=one.receptors_per_cell,
            target_density=one.target_density,
            cell_density=one.cell_density,
            values=one.values,
            mask=one.mask,
            grid=one.grid,
        )
    except Exception as error:
        error.add_note(f"in the lesion {one.name!r}")
        raise
    arguments, kept = map_arguments(own, times)
    quantities = quantities_of(own, voxels, kept, arguments)
    size = batch or batch_size(quantities)
    return _Prepared(one.name, own, voxels, arguments, quantities, size)


def _knots(study: Study, steps: int) -> Floats:
    """Return where the rates of uptake may change, s."""
    from krogh.study.run import dose_starts

    end = parse_quantity(study.until).internal
    even = np.linspace(0.0, end, steps + 1)
    starts = [t for t in dose_starts(study, end) if t < end]
    if any(t < 0.0 for t in starts):
        raise SpecError("KG-112: lesions start without drug at 0; a dose before that is refused.")
    after = _AFTER_DOSE if len(starts) <= _MOST_DOSES else ()
    more = [t + even[1] * share for t in starts for share in (0.0, *after)]
    found = np.unique(np.concatenate([even, [t for t in more if t <= end]]))
    # Moments that differ by round-off only are one.
    kept: Floats = found[np.concatenate([[True], np.diff(found) > 1e-9 * end])]
    return kept


def _nothing_drawn(body: Body, prepared: Sequence[_Prepared]) -> Drawn:
    """Return the species that lesions exchange with, of which nothing is taken yet."""
    from krogh.line.supply import supply_of

    states: dict[int, None] = {}
    for one in prepared:
        tissue = one.study.models[1].compile()
        for transport in tissue.model.transports.values():
            if transport.plasma is not None:
                supply = supply_of(transport, tissue, body.systemic, two_way=True)
                states[supply.state] = None
    chosen = sorted(states)
    return Drawn(
        knots=body.knots,
        species=tuple(body.systemic.state_names[i] for i in chosen),
        units=tuple(counted_unit(body.systemic, i) for i in chosen),
        amounts=np.zeros((body.knots.size, len(chosen))),
    )


def _part(one: _Prepared) -> Part:
    arguments = {n: v for n, v in one.arguments.items() if n != "times"}
    return Part(one.name, one.voxels, arguments, one.batch)


def _maps(prepared: Sequence[_Prepared], settled: Settled, passes: Passes) -> dict[str, LesionMap]:
    """Return the maps of all lesions with the plasma that was found."""
    rates = settled.drawn.rates
    total = sum(one.voxels.count for one in prepared)
    done = 0
    found: dict[str, LesionMap] = {}
    with passes.next("maps"):
        for one in prepared:

            def report(own: int, _total: int, _seconds: float, before: int = done) -> bool:
                return passes.tell(before + own, total)

            found[one.name] = solve_map(
                one.study,
                one.voxels,
                one.arguments | {"plasma_rates": rates},
                one.quantities,
                one.batch,
                report,
                "return",
            )
            done += one.voxels.count
            if not found[one.name].is_complete:
                break
    return found
