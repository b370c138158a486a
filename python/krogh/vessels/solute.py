"""A solute carried along the vessels and exchanged with the tissue: steady and in time.

SPDX-License-Identifier: BSD-3-Clause

Every segment holds one concentration of the fluid outside it, so a long vessel is cut into pieces
first (`VesselNetwork.subdivided`); junctions are well mixed.  Concentrations in any unit c; lengths
um, time s, so rates are in c um^3/s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError, SolverError
from krogh.units import convert
from krogh.vessels.checks import check_values, first_few, numbers, summed
from krogh.vessels.flow import junction_errors
from krogh.vessels.network import VesselNetwork
from krogh.vessels.order import FlowOrder, flow_order

__all__ = ["SoluteCarriage", "SoluteCourse", "SteadySolute"]

Floats = NDArray[np.float64]

_CONSERVED = 1e-9
"""Largest imbalance of the given flow at a junction; solve_flow reaches 1e-15."""


@dataclass(frozen=True, eq=False)
class SteadySolute:
    """A solute in steady state.

    Attributes
    ----------
    inflow, outflow
        Concentration at the upstream and downstream end of each segment, shape (m,).
    mean
        Mean along each segment, shape (m,): what the wall sees.
    nodes
        Concentration of the mixed blood at each node, NaN where none flows, shape (n,).
    exchange
        What each segment gives to the tissue, c um^3/s, negative where it takes up, shape (m,).
    entered, left
        What flows into and out of the network, c um^3/s.
    """

    inflow: Floats
    outflow: Floats
    mean: Floats
    nodes: Floats
    exchange: Floats
    entered: float
    left: float

    @property
    def imbalance(self) -> float:
        """Entered less left less exchanged, over the largest of them."""
        size = max(abs(self.entered), abs(self.left), float(np.abs(self.exchange).sum()))
        return (self.entered - self.left - float(self.exchange.sum())) / size if size else 0.0


@dataclass(frozen=True, eq=False)
class SoluteCourse:
    """A solute in time.

    Attributes
    ----------
    times
        s, shape (t,).
    mean
        Concentration in each segment, shape (t, m).
    entered, left, exchanged
        Amounts since the start: into the network, out of it, to the tissue, c um^3, shape (t,).
    content
        Amount within the vessels, shape (t,).
    """

    times: Floats
    mean: Floats
    entered: Floats
    left: Floats
    exchanged: Floats
    content: Floats

    @property
    def imbalance(self) -> float:
        """Largest error of the balance over the largest amount."""
        rest = self.entered - self.left - self.exchanged - (self.content - self.content[0])
        size = max(float(np.abs(v).max()) for v in (self.entered, self.exchanged, self.content))
        return float(np.abs(rest).max()) / size if size else 0.0


class SoluteCarriage:
    """One solute in the flow of one network: ``dC/dt + w dC/dz = -(S P/A)(C - outside)``.

    Parameters
    ----------
    network
        With flow that is conserved at junctions (`solve_flow`, `balanced_flow`).
    permeability
        Of the wall, um/s: one, or one for each segment.
    carried_fraction
        Share of the blood that carries the solute: 1, or for example 1 minus hematocrit for what
        stays in the plasma; one, or one for each segment.  The concentration is that of the
        carrying part.

    Raises
    ------
    DataError
        KG-187 for a network without flow or with flow that is not conserved, or circles.
    """

    def __init__(
        self,
        network: VesselNetwork,
        permeability: ArrayLike,
        *,
        carried_fraction: ArrayLike = 1.0,
    ) -> None:
        self.network = network
        self.order, self.rate = carrying_flow(network)
        count = network.num_segments
        self.permeability = _each(permeability, count, "the permeability", low=0.0)
        share = _each(carried_fraction, count, "the carried fraction", low=0.0, high=1.0)
        if np.any(share == 0.0):
            raise DataError("KG-187: the carried fraction is zero in a segment; it must be above.")
        self.carrying = self.rate * share
        self.volume = network.volumes * share

    @cached_property
    def conductance(self) -> Floats:
        """Surface times permeability of each segment, um^3/s."""
        return self.permeability * self.network.surfaces

    def steady(self, inlet: ArrayLike, outside: ArrayLike = 0.0) -> SteadySolute:
        """Return the steady state for a concentration that enters and one outside the walls.

        Parameters
        ----------
        inlet
            Where blood enters: one for all, or one for each node (NaN elsewhere).
        outside
            Free concentration outside each segment: one, or shape (m,).

        Notes
        -----
        Within a segment the profile is exact for a constant outside: the difference to it falls by
        ``exp(-P S/Q)``.  A segment without flow is in equilibrium with the outside where its wall
        is permeable.

        Raises
        ------
        DataError
            KG-187 where blood enters with no concentration.
        """
        network, order = self.network, self.order
        beyond = _each(outside, network.num_segments, "outside")
        known = entering(network, order, self.carrying, inlet)
        moving = ~order.stagnant
        falls = np.divide(
            self.conductance, self.carrying, out=np.full_like(self.rate, np.inf), where=moving
        )
        decay = np.exp(-falls)
        inflow, outflow = beyond.copy(), beyond.copy()
        flux, through = known.flux.copy(), known.through
        nodes = np.full(network.num_nodes, np.nan)
        for group, leaving in zip(order.levels, order.leaving(), strict=True):
            wet = group[through[group] > 0.0]
            nodes[wet] = flux[wet] / through[wet]
            start = nodes[order.upstream[leaving]]
            end = beyond[leaving] + (start - beyond[leaving]) * decay[leaving]
            inflow[leaving], outflow[leaving] = start, end
            flux += np.bincount(
                order.downstream[leaving],
                weights=self.carrying[leaving] * end,
                minlength=network.num_nodes,
            )
        exchange = np.where(moving, -self.carrying * (inflow - beyond) * np.expm1(-falls), 0.0)
        # The mean of the profile, without 0/0 where little is exchanged.
        share = np.ones_like(falls)
        some = falls > 1e-8
        share[some] = -np.expm1(-falls[some]) / falls[some]
        mean = beyond + (inflow - beyond) * share
        left = float((known.leaving * np.where(np.isnan(nodes), 0.0, nodes)).sum())
        return SteadySolute(inflow, outflow, mean, nodes, exchange, float(known.flux.sum()), left)

    def course(
        self,
        times: ArrayLike,
        inlet: ArrayLike | Callable[[float], ArrayLike],
        outside: ArrayLike | Callable[[float], ArrayLike] = 0.0,
        *,
        initial: ArrayLike = 0.0,
        rtol: float = 1e-6,
    ) -> SoluteCourse:
        """Return concentrations in time, by upwind volumes of one segment each.

        Parameters
        ----------
        times
            Ascending, s; the first is the start.
        inlet, outside
            As for `steady`, or functions of the time in s.
        initial
            Concentration in the vessels at the start: one, or shape (m,).
        rtol
            Tolerance of the time integration (BDF with the exact Jacobian).

        Raises
        ------
        DataError
            KG-187 for times or inputs that are wrong.
        SolverError
            KG-322 if the integration fails.
        """
        from scipy.integrate import solve_ivp
        from scipy.sparse import bmat, csr_matrix

        network, order = self.network, self.order
        places = numbers(times, (None,), "times")
        if places.size < 2 or not (np.isfinite(places).all() and (np.diff(places) > 0.0).all()):
            raise DataError("KG-187: times must be two or more ascending numbers of seconds.")
        count = network.num_segments
        matrix = self._upwind()
        start = _each(initial, count, "the initial concentration")

        def at(given: Any, time: float) -> Any:
            return given(time) if callable(given) else given

        def state(time: float) -> tuple[Floats, Any]:
            beyond = _each(at(outside, time), count, "outside")
            return beyond, entering(network, order, self.carrying, at(inlet, time))

        # Three more rows count what enters, leaves and is exchanged, so that the balance shows.
        _, known = state(float(places[0]))
        out_share = np.divide(
            known.leaving,
            known.through,
            out=np.zeros(network.num_nodes),
            where=known.through > 0.0,
        )
        left = self.carrying * out_share[order.downstream]
        rows = csr_matrix(np.stack([np.zeros(count), left, self.conductance]))
        jacobian = bmat([[matrix, None], [rows, csr_matrix((3, 3))]]).tocsc()

        def slope(time: float, y: Floats) -> Floats:
            beyond, source = state(time)
            conc = y[:count]
            fed = (
                source.flux[order.upstream]
                / np.where(source.through > 0.0, source.through, 1.0)[order.upstream]
            )
            change = matrix @ conc + (self.carrying * fed + self.conductance * beyond) / self.volume
            kept = float(source.flux.sum())
            exchanged = float((self.conductance * (conc - beyond)).sum())
            gone = float((left * conc).sum())
            return np.concatenate([change, [kept, gone, exchanged]])

        scale = max(float(np.abs(start).max(initial=0.0)), *_sizes(state, places))
        amount = scale * float(self.volume.sum())
        found = solve_ivp(
            slope,
            (float(places[0]), float(places[-1])),
            np.concatenate([start, np.zeros(3)]),
            method="BDF",
            t_eval=places,
            jac=jacobian,
            rtol=rtol,
            atol=rtol * np.concatenate([np.full(count, scale), np.full(3, amount)]) * 1e-3,
        )
        if not found.success:
            raise SolverError(f"KG-322: the solute could not be followed: {found.message}")
        conc = found.y[:count].T
        return SoluteCourse(
            times=places,
            mean=conc,
            entered=found.y[count],
            left=found.y[count + 1],
            exchanged=found.y[count + 2],
            content=conc @ self.volume,
        )

    def _upwind(self) -> Any:
        """Return the matrix of ``dC/dt`` without what enters and what is outside."""
        from scipy.sparse import coo_matrix

        network, order = self.network, self.order
        count = network.num_segments
        moving = np.flatnonzero(~order.stagnant)
        through = entering(network, order, self.carrying, 0.0).through
        # Pairs (segment, feeder): the blood at a node is shared by all that leave it.
        into = moving[np.argsort(order.downstream[moving], kind="stable")]
        first = np.searchsorted(order.downstream[into], np.arange(network.num_nodes + 1))
        feeders = np.diff(first)[order.upstream[moving]]
        rows = np.repeat(moving, feeders)
        step = np.arange(rows.size) - np.repeat(np.cumsum(feeders) - feeders, feeders)
        columns = into[first[order.upstream[rows]] + step]
        share = self.carrying[columns] / through[order.upstream[rows]]
        values = self.carrying[rows] * share / self.volume[rows]
        diagonal = -(self.carrying + self.conductance) / self.volume
        everyone = np.arange(count)
        return coo_matrix(
            (
                np.concatenate([values, diagonal]),
                (np.concatenate([rows, everyone]), np.concatenate([columns, everyone])),
            ),
            shape=(count, count),
        ).tocsr()


@dataclass(frozen=True, eq=False)
class Entering:
    """What enters and leaves at the nodes: amounts per time, and flows um^3/s, shape (n,)."""

    flux: Floats
    through: Floats
    leaving: Floats


def carrying_flow(network: VesselNetwork) -> tuple[FlowOrder, Floats]:
    """Return the order of the flow and its rate, um^3/s; KG-187 without conserved flow."""
    if network.flow is None:
        raise DataError("KG-187: the network has no flow; compute it with solve_flow.")
    errors = junction_errors(network)
    wrong = np.flatnonzero(errors > _CONSERVED)
    if wrong.size:
        raise DataError(
            f"KG-187: the flow is not conserved at node {first_few(wrong)} (counted from 0): up to"
            f" {errors.max():.1e} of the flow through it.  Compute it with solve_flow, or use"
            " krogh.vessels.balanced_flow for measured flows."
        )
    order = flow_order(network, network.flow)
    return order, order.rate * convert(1.0, "nl/min", "um^3/s")


def entering(network: VesselNetwork, order: FlowOrder, rate: Floats, inlet: ArrayLike) -> Entering:
    """Return what enters at each node for a concentration (one, or one for each node).

    Raises
    ------
    DataError
        KG-187 where blood enters with no concentration.
    """
    moving = np.where(order.stagnant, 0.0, rate)
    count = network.num_nodes
    out = summed(order.upstream, moving, count)
    into = summed(order.downstream, moving, count)
    size = np.maximum(out, into)
    source = out - into > 1e-8 * size
    sink = into - out > 1e-8 * size
    given = np.asarray(inlet, dtype=np.float64)
    if given.ndim and given.shape != (count,):
        raise DataError(
            f"KG-187: the inlet needs one number, or one for each of {count} nodes; found shape"
            f" {given.shape}."
        )
    conc = np.broadcast_to(given, (count,))
    missing = np.flatnonzero(source & ~np.isfinite(conc))
    if missing.size:
        raise DataError(
            f"KG-187: blood enters at node {first_few(missing)} (counted from 0), and the inlet"
            " states no concentration there."
        )
    extra = np.where(source, out - into, 0.0)
    flux = np.where(source, extra * np.where(source, conc, 0.0), 0.0)
    return Entering(flux, into + extra, np.where(sink, into - out, 0.0))


def _each(
    value: ArrayLike, count: int, what: str, low: float | None = None, high: float | None = None
) -> Floats:
    """Return one number for each segment, checked."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (count,)):
        raise DataError(
            f"KG-187: {what} needs one number, or one for each of {count} segments; found shape"
            f" {array.shape}."
        )
    found = np.broadcast_to(array, (count,)).copy()
    check_values(found, what, low=low, high=high)
    return found


def _sizes(state: Callable[[float], tuple[Floats, Entering]], times: Floats) -> tuple[float, ...]:
    """Return the largest concentrations outside and entering at the given times."""
    largest = [1e-300]
    for time in times:
        beyond, known = state(float(time))
        mixed = np.divide(
            known.flux, known.through, out=np.zeros_like(known.flux), where=known.through > 0.0
        )
        largest += [float(np.abs(beyond).max()), float(np.abs(mixed).max())]
    return tuple(largest)
