"""Blood that flows along the vessels of a network: its concentration falls by what leaves it.

SPDX-License-Identifier: BSD-3-Clause

Every segment holds one concentration, that of well-mixed blood which flows on to the next; where
vessels meet, it mixes (as `krogh.vessels.SoluteCarriage`).  The segments are species beside those
of the body and stand in the same implicit stages as the voxels, so that exchange runs both ways
without splitting: what a segment gives, the blood downstream lacks, and what tissue gives back is
carried on.  The body does not feel the box, which holds little of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.line.supply import Supply, supply_of
from krogh.model import Model, Parameter, Rate, Species
from krogh.model.compile import CompiledModel
from krogh.model.expression import Expression, Symbol, joined_sum
from krogh.units import dimension

if TYPE_CHECKING:
    from krogh.line.arrays import Evaluator
    from krogh.volume.exchange import Exchange
    from krogh.volume.problem import VolumeProblem

__all__ = ["Carried", "blood_of_rows", "by_segment", "carried_blood", "require_followed"]

Floats = NDArray[np.float64]

_MASS: Final = dimension("ng/mL")


@dataclass(frozen=True, eq=False)
class Carried:
    """Blood in the segments of a network.

    Attributes
    ----------
    systemic
        The body with the segments' concentrations as further species.
    states
        By species of the tissue: the states of the systemic model that are its concentrations in
        the segments, shape (segments,).
    volumes
        By species: of what carries it, um^3, shape (segments,).
    supplies
        By species: the state of the body that arrives.
    """

    systemic: CompiledModel
    states: dict[str, NDArray[np.int64]]
    volumes: dict[str, Floats]
    supplies: dict[str, Supply]

    def tolerances(self, atol: Floats, values: Evaluator) -> Floats:
        """Return absolute tolerances with those of the blood: of what arrives with the plasma.

        Parameters
        ----------
        atol
            Of the systemic states, internal units.
        values
            Of the systemic model's parameters.
        """
        found = atol.copy()
        for name, supply in self.supplies.items():
            by = float(np.atleast_1d(values.value(supply.factor))[0])
            found[self.states[name]] = atol[supply.state] * by
        return found


def carried_blood(
    tissue: CompiledModel,
    systemic: CompiledModel | None,
    vessels: Exchange,
    given: Any,
) -> Carried:
    """Return the body with the blood of every segment.

    Parameters
    ----------
    given
        True: every species of the tissue that the plasma feeds; or names of them; or a mapping from
        names to the share of the blood that carries them.

    Raises
    ------
    SpecError
        KG-162 without a systemic model or for species that no plasma feeds, KG-166 where the
        vessels are no network, KG-103 for unknown species.
    DataError
        KG-187 for a network without flow, or with flow that is not conserved.
    """
    from krogh.vessels import SoluteCarriage
    from krogh.vessels.solute import entering

    if systemic is None:
        raise SpecError("KG-162: carried: blood that flows is fed by a body; give systemic=....")
    if vessels.voxels is None:
        raise SpecError(
            "KG-166: carried: blood flows along a network; give exchange=network (or what its"
            " voxelize returns) with its flow."
        )
    network = vessels.voxels.network
    shares = _shares(tissue, given, network.hematocrit)
    parts: list[Any] = []
    names: dict[str, list[str]] = {}
    volumes: dict[str, Floats] = {}
    supplies: dict[str, Supply] = {}
    for name, share in shares.items():
        carriage = SoluteCarriage(network, 0.0, carried_fraction=share)
        volumes[name] = carriage.volume
        own = [f"blood_{name}_{i}" for i in range(network.num_segments)]
        supplies[name] = supply = supply_of(
            tissue.model.transports[name], tissue, systemic, two_way=False
        )
        arriving = Symbol(systemic.state_names[supply.state]) * supply.factor
        plasma = tissue.model.transports[name].plasma
        assert plasma is not None
        is_mass = systemic.model.analysis.dimensions[plasma] == _MASS
        unit, amount = ("ng/mL", "mg") if is_mass else ("nM", "nmol")
        known = entering(network, carriage.order, carriage.carrying, 1.0)
        through = np.where(known.through > 0.0, known.through, 1.0)
        fed = carriage.carrying * (known.flux / through)[carriage.order.upstream]
        left = carriage.carrying * (known.leaving / through)[carriage.order.downstream]
        parts += _segments(own, carriage._upwind(), fed / carriage.volume, arriving, unit)
        parts += _counter(f"carried_in_{name}", amount, [arriving], [float(fed.sum())])
        out = np.flatnonzero(left > 0.0)
        parts += _counter(
            f"carried_out_{name}", amount, [Symbol(own[i]) for i in out], left[out].tolist()
        )
        names[name] = own
    whole = (systemic.model + Model("blood in vessels", *parts, partial=True)).compile()
    states = {
        n: np.array([whole.state_index(s) for s in own], dtype=np.int64) for n, own in names.items()
    }
    return Carried(whole, states, volumes, supplies)


def by_segment(problem: VolumeProblem, exchanging: list[int]) -> tuple[list[int], Floats]:
    """Return the mobile species of every exchange and its rates, shape (exchanges, cells).

    A species that flowing blood carries has an exchange for each segment that meets the tissue.

    Raises
    ------
    SpecError
        KG-119 where the rates do not fit into memory.
    """
    from krogh.simulate.memory import SMALL, free_bytes

    rows = _rows(problem, exchanging)
    needed = 24 * len(rows) * problem.grid.num_voxels  # here, and inwards and outwards there
    free = free_bytes()
    if needed >= SMALL and free is not None and needed > free:
        raise SpecError(
            f"KG-119: {len(rows)} segments that each exchange with {problem.grid.num_voxels:,}"
            f" voxels need {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free; take wider"
            " voxels or a part of the network."
        )
    rates = np.empty((len(rows), problem.cells))
    for number, (k, segment) in enumerate(rows):
        if segment < 0:
            rates[number] = problem.rates[k]
        else:
            rates[number] = _segment_rates(problem, k, segment)
    return [k for k, _ in rows], rates


def blood_of_rows(
    problem: VolumeProblem, exchanging: list[int]
) -> list[tuple[int, float] | None] | None:
    """Return state and volume of the blood of each exchange, None for that of the body.

    None where no blood flows.
    """
    carried = problem.carried
    if carried is None:
        return None
    found: list[tuple[int, float] | None] = []
    for k, segment in _rows(problem, list(dict.fromkeys(exchanging))):
        if segment < 0:
            found.append(None)
        else:
            name = problem.mobiles[k].transport.species
            found.append(
                (int(carried.states[name][segment]), float(carried.volumes[name][segment]))
            )
    return found


def _rows(problem: VolumeProblem, exchanging: list[int]) -> list[tuple[int, int]]:
    """Return mobile species and segment of each exchange; segment -1: all together."""
    carried = problem.carried
    assert carried is not None
    inside = np.zeros(problem.grid.num_voxels)
    inside[problem.inside] = 1.0
    rows: list[tuple[int, int]] = []
    for k in exchanging:
        if problem.mobiles[k].transport.species not in carried.states:
            rows.append((k, -1))
            continue
        meets = np.asarray(problem.vessels_of[k].weights @ inside).ravel() > 0.0
        rows += [(k, int(i)) for i in np.flatnonzero(meets & (problem.per_length[k] > 0.0))]
    return rows


def _segment_rates(problem: VolumeProblem, k: int, segment: int) -> Floats:
    """Return the exchange of one segment with the voxels inside, 1/s."""
    voxels = problem.vessels_of[k]
    row = np.asarray(voxels.weights[segment].todense()).ravel() * problem.per_length[k][segment]
    volumes = np.broadcast_to(voxels.frame.volumes, voxels.frame.shape).ravel()
    found: Floats = (row / volumes)[problem.inside]
    return found


def require_followed(reason: str, tumour_volume: Any) -> None:
    """Raise SpecError KG-164 where flowing blood cannot be solved with the tissue."""
    if tumour_volume is not None:
        raise SpecError(
            "KG-164: carried: blood that flows along vessels is not taken from the body, which does"
            " not feel the box; leave tumour_volume out."
        )
    if reason:
        raise SpecError(f"KG-164: carried: blood that flows cannot be followed with {reason}.")


def _shares(
    tissue: CompiledModel, given: Any, hematocrit: Floats | None
) -> dict[str, Floats | float]:
    """Return the share of the blood that carries each species: plasma if nothing is stated."""
    fed = [n for n, t in tissue.model.transports.items() if t.plasma is not None]
    if given is True:
        given = fed
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Sequence) and not hasattr(given, "items"):
        raise SpecError(
            "KG-119: carried must be True, names of species, or a mapping from names to the share"
            f" of the blood that carries them; found {given!r}."
        )
    plasma: Floats | float = 1.0 if hematocrit is None else 1.0 - np.asarray(hematocrit)
    items = given.items() if hasattr(given, "items") else [(n, plasma) for n in given]
    found: dict[str, Floats | float] = {}
    for name, share in items:
        if name not in tissue.model.transports:
            raise SpecError(
                f"KG-103: carried: no species {name!r} moves in the tissue."
                f"{did_you_mean(str(name), tissue.model.transports)}"
            )
        if name not in fed:
            raise SpecError(f"KG-162: carried: no plasma feeds {name!r}.")
        found[name] = share
    if not found:
        raise SpecError("KG-162: carried: no plasma feeds any species of the tissue.")
    return found


def _segments(
    names: list[str], upwind: Any, fed: Floats, arriving: Expression, unit: str
) -> list[Any]:
    """Return the species of all segments and how the blood changes them."""
    parts: list[Any] = []
    matrix = upwind.tocsr()
    for i, name in enumerate(names):
        parts.append(Species(name, unit, may_be_negative=True))  # by rounding, before it arrives
        addends: list[tuple[bool, Expression]] = []
        start, stop = matrix.indptr[i], matrix.indptr[i + 1]
        row = dict(zip(matrix.indices[start:stop], matrix.data[start:stop], strict=True))
        row_and_inlet: list[tuple[Expression, float, str]] = [
            (Symbol(names[j]), float(v), f"flow_{name}_{j}") for j, v in row.items()
        ]
        row_and_inlet.append((arriving, float(fed[i]), f"inlet_{name}"))
        for what, value, parameter in row_and_inlet:
            if value == 0.0:
                continue
            parts.append(Parameter(parameter, f"{abs(value)!r} 1/s"))
            addends.append((value < 0.0, Symbol(parameter) * what))
        if addends:
            parts.append(Rate(name, joined_sum(addends), name="blood flow"))
    return parts


def _counter(
    name: str, unit: str, concentrations: list[Expression], flows: list[float]
) -> list[Any]:
    """Return a species that counts an amount which flows with the blood."""
    parts: list[Any] = [Species(name, unit)]
    addends = []
    for k, (conc, flow) in enumerate(zip(concentrations, flows, strict=True)):
        parts.append(Parameter(f"flow_{name}_{k}", f"{flow!r} um^3/s"))
        addends.append((False, Symbol(f"flow_{name}_{k}") * conc))
    if addends:
        parts.append(Rate(name, joined_sum(addends), name="blood flow"))
    return parts
