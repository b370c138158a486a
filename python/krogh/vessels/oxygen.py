"""Oxygen in blood: bound to hemoglobin, carried along vessels, through the wall to the tissue.

SPDX-License-Identifier: BSD-3-Clause

Partial pressures mmHg, amounts um^3 of oxygen, lengths um, time s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.vessels.checks import check_values, first_few
from krogh.vessels.network import VesselNetwork
from krogh.vessels.solute import carrying_flow, entering

__all__ = ["BloodOxygen", "SteadyOxygen", "intravascular_resistance", "steady_oxygen"]

Floats = NDArray[np.float64]

_DIAMETERS: Final = (4.0, 8.0, 16.0, 32.0, 50.0)
_RESISTANCES: Final = (2.45, 1.44, 1.02, 0.779, 0.73)
"""mmHg um s/um^3 at these diameters (um): the file of intravascular resistances that accompanies
Secomb's networks (secomb/GreensV4), after Hellums, Nair, Huang and Ohshima 1996, Ann Biomed Eng
24:1."""


def intravascular_resistance(diameter: ArrayLike) -> Floats:
    """Return K in ``P_blood - P_wall = K q``, q in um^3 O2 per um and s; mmHg um s/um^3.

    Straight between the tabulated values in the logarithms of both, which lies within 4 % of the
    table that they are taken from.

    Raises
    ------
    DataError
        KG-181 for diameters outside 4 to 50 um, for which there is no value.
    """
    width = np.asarray(diameter, dtype=np.float64)
    wrong = np.flatnonzero(~((width >= _DIAMETERS[0]) & (width <= _DIAMETERS[-1])).ravel())
    if wrong.size:
        raise DataError(
            f"KG-181: the intravascular resistance is known for diameters of 4 to 50 um, not"
            f" {width.ravel()[wrong[0]]:g} um (segment {first_few(wrong)}, counted from 0); give"
            " `resistance` yourself."
        )
    found: Floats = np.exp(np.interp(np.log(width), np.log(_DIAMETERS), np.log(_RESISTANCES)))
    return found


@dataclass(frozen=True)
class BloodOxygen:
    """How blood holds oxygen: Hill's law in red cells, Henry's in plasma.

    Attributes
    ----------
    half_pressure, exponent
        P50, mmHg, and n of Hill's law: rat 38 and 3 (Secomb's networks, secomb/GreensV4).
    capacity
        um^3 of oxygen bound in um^3 of saturated red cells: 0.5 (same source).
    solubility
        um^3 of oxygen in um^3 of blood and mmHg: 3.1e-5 (same source).
    """

    half_pressure: float = 38.0
    exponent: float = 3.0
    capacity: float = 0.5
    solubility: float = 3.1e-5

    def __post_init__(self) -> None:
        for name in ("half_pressure", "exponent", "capacity", "solubility"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                raise DataError(f"KG-181: {name} must be positive, not {value!r}.")

    def saturation(self, pressure: ArrayLike) -> Floats:
        """Return the share of hemoglobin that is bound, ``(P/P50)^n / (1 + (P/P50)^n)``."""
        ratio = (np.asarray(pressure, dtype=np.float64) / self.half_pressure) ** self.exponent
        found: Floats = ratio / (1.0 + ratio)
        return found

    def content(self, pressure: ArrayLike, hematocrit: ArrayLike) -> Floats:
        """Return um^3 of oxygen in um^3 of blood."""
        cells = np.asarray(hematocrit, dtype=np.float64)
        found: Floats = self.capacity * cells * self.saturation(
            pressure
        ) + self.solubility * np.asarray(pressure, dtype=np.float64)
        return found

    def slope(self, pressure: Floats, hematocrit: Floats) -> Floats:
        """Return the derivative of the content by the pressure."""
        bound = self.saturation(pressure)
        ratio = np.maximum(pressure / self.half_pressure, 1e-300)
        steep = self.exponent * ratio ** (self.exponent - 1.0) / self.half_pressure
        found: Floats = self.capacity * hematocrit * steep * (1.0 - bound) ** 2 + self.solubility
        return found

    def pressure(self, content: ArrayLike, hematocrit: ArrayLike) -> Floats:
        """Return the pressure at which blood has a content (its inverse, to round-off)."""
        wanted, cells = np.broadcast_arrays(
            np.asarray(content, dtype=np.float64), np.asarray(hematocrit, dtype=np.float64)
        )
        return self._solve(wanted, cells, np.zeros(wanted.shape))

    def _solve(self, total: Floats, cells: Floats, extra: Floats) -> Floats:
        """Return P of ``content(P) + extra P = total``: Newton kept within a shrinking bracket."""
        low = np.zeros(total.shape)
        high = np.maximum(total, 0.0) / (self.solubility + extra)
        place = np.minimum(high, self.half_pressure)
        for _ in range(200):
            rest = self.content(place, cells) + extra * place - total
            low, high = np.where(rest <= 0.0, place, low), np.where(rest >= 0.0, place, high)
            step = place - rest / (self.slope(place, cells) + extra)
            inside = (step >= low) & (step <= high)
            new = np.where(inside, step, 0.5 * (low + high))
            done = np.abs(new - place) <= 1e-15 * np.maximum(np.abs(new), 1e-300)
            place = new
            if done.all():
                break
        return place


@dataclass(frozen=True, eq=False)
class SteadyOxygen:
    """Oxygen along a network in steady state.

    Attributes
    ----------
    inflow, outflow
        Partial pressure in the blood at both ends of each segment, mmHg, shape (m,); exchange is
        driven by that at the downstream end.
    exchange
        What each segment gives to the tissue, um^3/s, shape (m,).
    nodes
        At the nodes, NaN where no blood flows, shape (n,).
    entered, left
        um^3/s.
    """

    inflow: Floats
    outflow: Floats
    exchange: Floats
    nodes: Floats
    entered: float
    left: float

    @property
    def imbalance(self) -> float:
        """Entered less left less exchanged, over the largest of them."""
        size = max(self.entered, self.left, float(np.abs(self.exchange).sum()))
        return (self.entered - self.left - float(self.exchange.sum())) / size if size else 0.0


def steady_oxygen(
    network: VesselNetwork,
    inlet: ArrayLike,
    outside: ArrayLike,
    *,
    blood: BloodOxygen | None = None,
    resistance: ArrayLike | None = None,
) -> SteadyOxygen:
    """Return oxygen in blood that exchanges with tissue of given pressures at the walls.

    Parameters
    ----------
    network
        With flow and hematocrit (`solve_flow`); its segments short against the length over which
        the pressure falls (`VesselNetwork.subdivided`).
    inlet
        Partial pressure where blood enters, mmHg: one, or one for each node (NaN elsewhere).
    outside
        Partial pressure at the outside of the wall of each segment, mmHg: one, or shape (m,).
    blood
        How blood holds oxygen; default rat.
    resistance
        From blood to wall, mmHg um s/um^3; default `intravascular_resistance` of the diameters.

    Notes
    -----
    Along a segment ``Q d content(P)/dz = -(P - outside)/K``: one implicit step for each segment,
    ``Q (content(in) - content(out)) = L (P(out) - outside)/K``, which is upwind, of first order in
    the length, and balances exactly.  Junctions are well mixed: the oxygen that arrives gives the
    pressure at which the blood that leaves, with its own hematocrit, carries it.

    Raises
    ------
    DataError
        KG-187 without conserved flow or hematocrit, or where blood enters with no pressure; KG-181
        for diameters without a resistance.
    """
    order, rate = carrying_flow(network)
    if network.hematocrit is None:
        raise DataError("KG-187: the network has no hematocrit; compute it with solve_flow.")
    law = blood or BloodOxygen()
    count, cells = network.num_segments, network.hematocrit
    given = intravascular_resistance(network.diameter) if resistance is None else resistance
    hinder = np.broadcast_to(np.asarray(given, dtype=np.float64), (count,))
    check_values(hinder, "the resistance", positive=True)
    beyond = np.broadcast_to(np.asarray(outside, dtype=np.float64), (count,))
    check_values(beyond, "the pressure outside", low=0.0)
    conductance = network.lengths / hinder
    known = entering(network, order, rate, inlet)
    nodes_in = np.where(known.flux > 0.0, np.broadcast_to(inlet, (network.num_nodes,)), 0.0)
    outer = np.bincount(
        order.upstream,
        weights=np.where(order.stagnant, 0.0, rate * cells),
        minlength=network.num_nodes,
    )  # red cells that leave each node, um^3/s
    leaving_rate = np.bincount(
        order.upstream, weights=np.where(order.stagnant, 0.0, rate), minlength=network.num_nodes
    )
    inner = np.bincount(
        order.downstream,
        weights=np.where(order.stagnant, 0.0, rate * cells),
        minlength=network.num_nodes,
    )
    into = np.bincount(
        order.downstream, weights=np.where(order.stagnant, 0.0, rate), minlength=network.num_nodes
    )
    # The mixed blood at a node: what arrives, or at inlets what leaves.
    source = known.flux > 0.0
    mixed_cells = np.where(source, outer, inner)
    mixed_rate = np.where(source, leaving_rate, into)
    hematocrit = np.divide(
        mixed_cells, mixed_rate, out=np.zeros(network.num_nodes), where=mixed_rate > 0.0
    )
    fresh = np.maximum(mixed_rate - into, 0.0)
    fresh_cells = np.divide(
        np.maximum(mixed_cells - inner, 0.0), fresh, out=np.zeros_like(fresh), where=fresh > 0.0
    )
    carried = np.where(source, fresh * law.content(nodes_in, fresh_cells), 0.0)
    entered = float(carried.sum())
    pressure = np.full(network.num_nodes, np.nan)
    inflow, outflow = beyond.copy(), beyond.copy()
    for group, leaving in zip(order.levels, order.leaving(), strict=True):
        wet = group[mixed_rate[group] > 0.0]
        pressure[wet] = law.pressure(carried[wet] / mixed_rate[wet], hematocrit[wet])
        start = pressure[order.upstream[leaving]]
        inflow[leaving] = start
        extra = conductance[leaving] / rate[leaving]
        total = law.content(start, cells[leaving]) + extra * beyond[leaving]
        outflow[leaving] = law._solve(total, cells[leaving], extra)
        carried += np.bincount(
            order.downstream[leaving],
            weights=rate[leaving] * law.content(outflow[leaving], cells[leaving]),
            minlength=network.num_nodes,
        )
    exchange = np.where(order.stagnant, 0.0, conductance * (outflow - beyond))
    gone = np.divide(
        known.leaving, known.through, out=np.zeros_like(fresh), where=known.through > 0.0
    )
    return SteadyOxygen(
        inflow=inflow,
        outflow=outflow,
        exchange=exchange,
        nodes=pressure,
        entered=entered,
        left=float((gone * carried).sum()),
    )
