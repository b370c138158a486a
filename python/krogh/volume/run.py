"""simulate_volume(): tissue in voxels with its vessels, fed by a plasma.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from krogh.errors import SolverError, SpecError
from krogh.line.assembly import compiled_pair, require_span
from krogh.line.dosing import Dosing, dosing_of, lines_of_dosing
from krogh.line.memory import require_line_memory
from krogh.line.outcome import Settings
from krogh.line.run import recorded_of
from krogh.line.times import record_times
from krogh.line.tolerance import line_tolerances
from krogh.model import Model
from krogh.model.compile import CompiledModel
from krogh.schedule import SET_PARAMETER
from krogh.simulate.options import check_options
from krogh.simulate.progress import ProgressBar, chosen_progress
from krogh.space.grid import Grid
from krogh.units import factor
from krogh.volume.assembly import volume_problem
from krogh.volume.blood import cannot_couple
from krogh.volume.carried import Carried, carried_blood, require_followed
from krogh.volume.exchange import exchange_of
from krogh.volume.feed import feeds_of
from krogh.volume.keeping import Keeping, interval_of, snapshot_of
from krogh.volume.plasma import PlasmaCurves, curves_of_states, systemic_alone
from krogh.volume.problem import VolumeProblem
from krogh.volume.radiation import Radiation, fractions_of
from krogh.volume.result import VolumeResult
from krogh.volume.saving import RecordStream, one_record, save_of
from krogh.volume.solve import solve_volume
from krogh.volume.verify import METHODS, verified

__all__ = ["simulate_volume"]

_LOG = logging.getLogger("krogh")
_ON_FAILURE: Final = ("raise", "return", "nan")
_CONVECTION: Final = ("limited", "fitted")


def simulate_volume(
    tissue: Model | CompiledModel,
    grid: Grid,
    dosing: Any = None,
    *,
    systemic: Model | CompiledModel | None = None,
    exchange: Any = None,
    regions: Any = None,
    sides: Any = None,
    times: Any = "24 h",
    values: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
    weight: Any = None,
    surface: Any = None,
    tumour_volume: Any = None,
    plasma: Mapping[str, Any] | None = None,
    record: Sequence[str] | None = None,
    rtol: float = 1e-3,
    atol: Any = None,
    num_threads: int = 0,
    progress: bool | Callable[[int, int, float], Any] | None = None,
    on_failure: Literal["raise", "return", "nan"] = "raise",
    max_steps: int = 1_000_000,
    carried: Any = None,
    method: Literal["ros34pw2", "rkc2"] = "ros34pw2",
    verify: bool = False,
    feed: Mapping[str, Any] | None = None,
    radiation: Radiation | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_interval: str | int = "60 s",
    resume: Any = None,
    save: Any = None,
    flow: Any = None,
    interfaces: Mapping[tuple[int, int], Any] | None = None,
    partition: Any = None,
    anisotropy: Any = None,
    convection: Literal["limited", "fitted"] = "limited",
) -> VolumeResult:
    """Solve a tissue model in the voxels of a grid, with the plasma that feeds it.

    Parameters
    ----------
    tissue
        What happens in every voxel; its `Transport` components say what moves.
    grid
        `krogh.space.Grid`.
    dosing
        A sentence, a `Regimen` or an `EventTable` with one subject.
    systemic
        The model of the body, which takes the doses; its species feed the transports.
    exchange
        The vessels: surface per tissue volume, ``"0.01 1/um"`` or ``(array, "1/um")`` of shape
        (nz, ny, nx); a `krogh.vessels.VesselNetwork`, or what its `voxelize` returns.  The rate of
        exchange is the permeability of each `Transport` times it.  Left out, only `sides` feed.
    regions
        Whole numbers (nz, ny, nx) for values by region, 255 outside of the tissue; or a mask, True
        within the tissue.
    sides
        Of the grid's box: ``"closed"`` (nothing passes; as left out), ``"periodic"``, ``"fixed"``
        (the free concentration of the plasma holds), ``"membrane"`` (a wall of each transport's
        permeability): one word for all, or ``{"x low": "membrane", "y": "periodic"}``.
    times
        ``"24 h"``, ``"0..24 h by 1 h"``, ``([0, 6, 24], "h")``.
    values
        Parameters of either model: a number in the declared unit, or text with a unit.
    fields
        Parameters of the tissue that vary in space: an array (nz, ny, nx), or one value for each
        region; with a unit as ``(array, unit)``.
    weight, surface
        Of the subject, for doses per weight or surface: ``"20 g"``.
    tumour_volume
        ``"0.2 mL"``: the plasma loses what a tumour of this volume, of which the grid is a part,
        takes up, and gets back what it gives off; left out, the plasma feels nothing.
    plasma
        Curves ``{name: (([0, 1], "h"), values, unit)}``, straight between their points: instead of
        `systemic`, or beside it for what it does not have (oxygen of the blood).
    record
        Outputs and species of the tissue whose voxels are kept; all outputs if left out.
    rtol
        Relative tolerance of each step, 1e-12 to 0.1.
    atol
        Absolute tolerances with units; defaults in `krogh.line.tolerance`.
    num_threads
        0: as many as are granted.
    progress
        As in `krogh.simulate`.
    on_failure
        ``"raise"``, ``"return"`` (with a warning in the log) or ``"nan"`` (silently); what was not
        reached is NaN.
    max_steps
        Of the run.
    carried
        Blood that flows along a network with flow, given as `exchange`: its concentration falls
        along the vessels by what leaves it, and rises by what comes back.  True for every species
        that the plasma feeds, names of species of the tissue, or a mapping from names to the share
        of the blood that carries them (one number, or one for each vessel); 1 less the hematocrit
        where nothing is stated.  Each segment holds one concentration, so that long vessels are cut
        first (`VesselNetwork.subdivided`).  Left out, all vessels hold the concentration of the
        plasma, which is right where little of a drug leaves in one pass (antibodies); see
        `krogh.vessels.extraction`.
    method
        ``"ros34pw2"``: linearly implicit, order 3 (Rang & Angermann 2005,
        doi 10.1007/s10543-005-0035-y), its linear systems solved by multigrid.  ``"rkc2"``:
        explicit and stabilized, order 2 (Sommeijer, Shampine & Verwer 1997,
        doi 10.1016/S0377-0427(97)00219-7), without linear systems; it evaluates the laws about
        ``sqrt(steps x time x spectral radius / 0.65)`` times and is meant as a check.
    verify
        Solve again by the other method at a tenth of the tolerance, and report the largest
        difference of every recorded species, relative to its largest value, in ``verification``.
    feed
        What the plasma hears of the tumour: ``{"antigen": ("living", "2 pmol/mL/d")}`` lets the
        systemic species ``antigen`` grow by that rate times the sum of the tissue species
        ``living`` over the volume of the whole tumour (`tumour_volume`).  The tissue loses nothing
        by it: it is for signals and for what cells make anew.  Matter that leaves the tissue is a
        species with a `Transport`, whose exchange keeps amounts to rounding.
    radiation
        `krogh.volume.Radiation`: fractions at stated times.
    checkpoint
        A file that holds, from time to time and where the run ends, everything that it needs to go
        on.  It is replaced only by a whole one.
    checkpoint_interval
        Time between checkpoints, ``"60 s"``, or a whole number of steps.  Where writing takes more
        than a twentieth of the time, they become rarer.
    resume
        Go on with a run: True (from `checkpoint` if that file is there, else from the begin), the
        path of a checkpoint, or a result that did not come to its end.  Everything else must be as
        it was, save `max_steps`, `num_threads` and `progress`; the result is that of a run without
        a break, to the last bit.
    save
        Fields that go to a file while the run goes on: a path, a `krogh.volume.Save`, or
        ``{"file": "tumour.vtkhdf", "fields": ["occupancy_HER2"], "times": ...}``.  With
        ``record=[]`` memory holds one time only.
    flow
        Fluid that carries what moves: an `krogh.interstitial.InterstitialFlow`, or a `FlowCourse`
        of those that follow each other, in the time of the run.  Each species goes
        with the velocity times its `retardation`; vessels filter and take back what their
        `reflection` lets pass; lymph and sides take it along.  Sides that fluid passes are
        ``"open"`` unless stated: what flows in brings nothing, what flows out takes C/eps.
    interfaces
        Membranes between two regions: ``{(0, 1): "0.01 um/s"}`` for all species, or
        ``{(0, 1): {"drug": "0.01 um/s"}}``; what is not named passes freely.
    partition
        K by species, ``{"drug": [1.0, 3.0]}``: one number, one for each region, or an array
        (nz, ny, nx).  At rest the concentration per volume of tissue is eps K times that outside,
        and C/(eps K) is the same in all regions; in all transport eps K stands for eps.
    anisotropy
        Factors of the diffusivity along x, y, z, ``(1, 1, 0.3)``, or such by species; each a
        number, one for each region, or an array (nz, ny, nx).
    convection
        ``"limited"``: of second order; ``"fitted"``: as it is without the correction, of first
        order where the cell Peclet number is large, but at any length of steps.

    Returns
    -------
    VolumeResult
        Memory: 8 bytes per time, voxel and recorded species.

    Raises
    ------
    SpecError, UnitError, DataError
        Wrong input, before any work is done: KG-166 for grid, exchange, regions, sides and fields.
    SolverError
        KG-320: the volume, or the systemic model before it, could not be solved; KG-311: the second
        method did not get through.
    DataError
        KG-237 a checkpoint that is damaged or not there, KG-238 one of another problem.

    SpecError KG-133 (a file that cannot be written, a full disk), SolverError and KeyboardInterrupt
    have an attribute ``result``, if they come from within the run: what was reached, from which
    ``resume=error.result`` goes on.

    Notes
    -----
    ``dC/dt = div(D eps grad(C/eps) - r u C/eps) + v P S/V (free plasma - C/eps) - lymph C/eps +
    kinetics``, with the vessel factor v of the `Transport` where it has one; with a flow, solvent
    drag takes part in the exchange (Patlak 1963).  At a membrane between regions the flux is the
    difference of C/(eps K) over the sum of ``1/P`` and the resistances ``h/(2 D eps K)`` of both
    half voxels.  Convection is exponentially fitted with a correction to second order that makes no
    new extrema (`krogh/simulate/volume.hpp`); it is explicit, so that above a cell Peclet number
    ``u h/(D eps)`` of 5 steps go no farther than some voxels.  The systemic model
    is solved within the same steps.  Where it has events or input functions, or sides feed, it is
    solved alone and its curve handed over as jumps and straight lines that miss it by less than a
    quarter of the tolerance; the result says why, and by how much.

    Examples
    --------
    >>> import krogh as kg
    >>> systemic, tissue = kg.library.assemble("T-DM1", "NCI-N87", "mouse 20 g")
    >>> result = kg.simulate_volume(
    ...     tissue, kg.space.Grid((8, 8, 8), "10 um"), "T-DM1 3.6 mg/kg", systemic=systemic,
    ...     exchange="0.003 1/um", weight="20 g", times="24 h", progress=False,
    ... )  # doctest: +SKIP
    """
    began = time.perf_counter()
    check_options(
        rtol,
        max_steps,
        num_threads,
        on_failure,
        least_rtol=1e-12,
        ways=_ON_FAILURE,
        method=method,
        methods=METHODS,
    )
    for what, mapping in (("values", values), ("fields", fields), ("plasma", plasma)):
        if mapping is not None and not isinstance(mapping, Mapping):
            raise SpecError(f"KG-119: {what} must be a mapping by name, not {mapping!r}.")
    if lines_of_dosing(dosing) != 1:
        raise SpecError("KG-163: dosing is for several; a volume is one tumour of one subject.")
    own, other = compiled_pair(tissue, systemic)
    if own.program.num_surfaces:
        raise SpecError(
            f"KG-164: the volume solver cannot follow conditions in the laws of {own.model.name!r}."
        )
    grid_times, time_unit = record_times(times)
    blood: Carried | None = None
    if carried is not None and carried is not False:
        vessels_given = exchange_of(exchange, grid)
        blood = carried_blood(own, other, vessels_given, carried)
        other, exchange = blood.systemic, vessels_given
    given: Dosing | None = None
    stated = dict(values or {})
    if other is not None:
        known = {k: v for k, v in stated.items() if k in other.parameter_names}
        given = dosing_of(
            other,
            dosing,
            1,
            grid_times,
            {"weight": weight, "surface": surface},
            known,
            includes_end=True,
        )
        _require_constant(given)
        body, other = other, given.systemic
        stated |= {k: _single(v) for k, v in given.overrides.items()}
    elif dosing is not None:
        raise SpecError("KG-162: doses go into the systemic model; give systemic=....")
    begin = given.begin if given is not None else min(0.0, float(grid_times[0]))
    problem, split, vessels = volume_problem(
        own,
        other,
        grid,
        values=stated,
        fields=fields or {},
        exchange=exchange,
        regions=regions,
        sides=sides,
        tumour_volume=tumour_volume,
        plasma=plasma,
        flow=flow,
        interfaces=interfaces,
        partition=partition,
        anisotropy=anisotropy,
        begin=begin,
    )
    if convection not in _CONVECTION:
        raise SpecError(
            f"KG-166: convection is {' or '.join(map(repr, _CONVECTION))}, not {convection!r}."
        )
    problem.corrected = convection == "limited"
    if blood is not None:
        if problem.fluid is not None:
            raise SpecError(
                "KG-164: carried=... follows blood from segment to segment, but not the fluid that"
                " passes their walls; give either it or flow=...."
            )
        assert given is not None
        require_followed(cannot_couple(problem, given), tumour_volume)
        problem.carried = blood
    require_span(problem, begin, float(grid_times[-1]))
    problem.feeds = feeds_of(problem, feed)
    _require_vessels(problem)
    problem.fractions = fractions_of(problem, radiation, begin, float(grid_times[-1]))
    outputs, recorded = recorded_of(own, record)
    asked = save_of(save)
    streamed, needed = recorded_of(own, asked.fields) if asked is not None else ((), ())
    tolerances = line_tolerances(problem, given, rtol, atol, split)
    settings = Settings(
        grid=grid_times,
        begin=begin,
        recorded=recorded,
        rtol=rtol,
        atol=tolerances[0],
        plasma_atol=(
            tolerances[1]
            if blood is None
            else blood.tolerances(tolerances[1], problem.plasma_values)
        ),
        max_steps=max_steps,
        num_threads=num_threads,
        on_progress=chosen_progress(progress),
    )
    require_line_memory(problem, settings)
    path = None if checkpoint is None else Path(checkpoint)
    every = interval_of(checkpoint_interval)
    keeping = Keeping(
        checkpoint=path,
        seconds=every[0],
        steps=every[1],
        resume=snapshot_of(resume, path),
        recorded=tuple(dict.fromkeys([*recorded, *needed])),
        count=len(recorded),
        models={
            f"the {what} model": c.model.content
            for what, c in (("tissue", own), ("systemic", other))
            if c is not None
        }
        | ({} if radiation is None else {"the radiation": radiation.facts}),
        jumps=[] if problem.fractions is None else problem.fractions.survival,
    )
    words = given.words if given is not None else ", ".join(problem.curves) or "none"
    if asked is not None:
        make = partial(
            one_record, problem, replace(settings, recorded=keeping.recorded), streamed, time_unit,
            words, vessels, f"volume, {method}",
        )  # fmt: skip
        keeping.stream = RecordStream(asked, settings.grid, make)
    curves: PlasmaCurves | None = None
    states = None
    reason = "" if given is None else cannot_couple(problem, given)
    if reason and problem.volume is not None:
        raise SpecError(
            f"KG-164: what the plasma loses to the tumour cannot be followed with {reason}; leave"
            " tumour_volume out, or use krogh.simulate_line(..., tumour_volume=...)."
        )
    if given is not None and reason:
        sample = systemic_alone(
            body,
            dosing,
            weight=weight,
            surface=surface,
            values=known,
            rtol=rtol,
            max_steps=max_steps,
        )
        states = sample(grid_times)[None]
        end = max(float(grid_times[-1]), begin + 1.0)  # a record at the begin needs a line too
        curves = curves_of_states(sample, given, begin, end, rtol, settings.plasma_atol)
    coupled = None if reason else given
    checked = None
    try:
        outcome, stats, kept = solve_volume(
            problem, curves, states, coupled, settings, keeping, method=method
        )
        if verify and not outcome.stopped:
            try:
                checked = verified(problem, curves, states, coupled, settings, outcome, method)
            except KeyboardInterrupt as error:
                kept.error = error  # what it was to check is there
    finally:
        if isinstance(settings.on_progress, ProgressBar):
            settings.on_progress.close()
    result = VolumeResult(
        problem,
        replace(settings, on_progress=None),
        outcome,
        outputs=outputs,
        time_unit=time_unit,
        dosing=words,
        stats=stats,
        curves=curves,
        vessels=vessels,
        reason=reason,
        doses=given,
        verification=checked,
        wall_seconds=time.perf_counter() - began,
        snapshot=kept.snapshot,
    )
    if kept.error is not None:
        raise _with_result(kept.error, result, path)
    return _handle_failure(result, on_failure)


def _single(value: Any) -> Any:
    """Return the value of the one subject of a table."""
    if isinstance(value, tuple) and len(value) == 2:
        return float(value[0][0]), value[1]
    return float(value[0]) if getattr(value, "ndim", 0) == 1 else value


def _require_vessels(problem: VolumeProblem) -> None:
    """Raise SpecError KG-164 for a flow that left vessels which follow a factor."""
    follows = any(m.transport.vessel_factor is not None for m in problem.mobiles)
    if follows and problem.fluid is not None:
        raise SpecError(
            "KG-164: the fluid of flow=... left all vessels, and does not change with the part of"
            " them that works; leave flow out, or vessel_factor out of the Transport components."
        )


def _require_constant(dosing: Dosing) -> None:
    """Raise SpecError KG-164 for covariates that change during the run."""
    for group in dosing.groups:
        plan: Any = group.plan
        if plan.initial_parameters or (plan.records.columns["kind"] == SET_PARAMETER).any():
            raise SpecError(
                "KG-164: the event table has covariates that change in time, which a volume cannot"
                " follow; give one value for the run, or use krogh.simulate_line."
            )


def _with_result(
    error: BaseException, result: VolumeResult, checkpoint: Path | None
) -> BaseException:
    """Return the exception that ended a run, with what was reached and how to go on."""
    error.result = result  # type: ignore[attr-defined]
    if result.snapshot is None:
        return error
    reached = result.snapshot.time / factor(result.time_unit)
    is_stored = checkpoint is not None and not isinstance(error, SpecError)
    stored = f", and so does resume={str(checkpoint)!r}" if is_stored else ""
    error.add_note(
        f"The run reached {reached:.6g} {result.time_unit}; what it has is in the exception's"
        f" .result, and resume=error.result goes on from there{stored}."
    )
    return error


def _handle_failure(result: VolumeResult, on_failure: str) -> VolumeResult:
    if not result.failures:
        return result
    first = result.failures[0]
    if on_failure == "raise":
        raise SolverError(f"KG-320: {first}.", result=result)
    if on_failure == "return":
        _LOG.warning("the volume could not be solved to its end: %s", first)
    return result
