"""How much of a solute leaves the blood in one pass: whether the vessels hold the plasma.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import UnitError
from krogh.table import ResultTable
from krogh.units import Quantity, parse_quantity, require_dimension
from krogh.vessels.network import VesselNetwork
from krogh.vessels.solute import SoluteCarriage

__all__ = ["Extraction", "extraction"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Extraction:
    """What leaves the blood into tissue that holds nothing, in steady state.

    Attributes
    ----------
    vessels
        Of what enters each segment, the share that leaves it there: ``1 - exp(-P S/Q)`` (Renkin
        1959, doi:10.1152/ajplegacy.1959.197.6.1205; Crone 1963,
        doi:10.1111/j.1748-1716.1963.tb02652.x); 1 where a permeable vessel has no flow.
    relative
        Mean concentration in each segment over that of the arriving blood.
    network
        Of what enters the network, the share that leaves it for the tissue.
    """

    vessels: Floats
    relative: Floats
    network: float
    surfaces: Floats

    @property
    def lowest(self) -> float:
        """Lowest relative concentration in any vessel."""
        return float(self.relative.min())

    @property
    def shortfall(self) -> float:
        """By what share less passes than if all vessels held the concentration that arrives.

        Mean of 1 less the relative concentration, weighted by surface; the most there can be, as
        tissue that holds something takes less.
        """
        return float(np.average(1.0 - self.relative, weights=self.surfaces))

    def table(self) -> ResultTable:
        """Return the shares by tenths of the vessels: extraction and relative concentration."""
        shares = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
        return ResultTable(
            {
                "vessels": 100.0 * shares,
                "extraction": np.quantile(self.vessels, shares),
                "relative concentration": np.quantile(self.relative, shares),
            },
            {"vessels": "%"},
            f"{100.0 * self.network:.3g} % leaves the blood in one pass",
        )

    def __str__(self) -> str:
        verdict = (
            "they do"
            if self.shortfall < 0.01
            else "it falls along them: simulate_volume(..., carried=True)"
        )
        return (
            f"{100.0 * self.network:.3g} % leaves in one pass, and up to"
            f" {100.0 * self.shortfall:.3g} % less than if all vessels held the plasma ({verdict})"
        )


def extraction(
    network: VesselNetwork, permeability: Any, *, carried_fraction: ArrayLike | None = None
) -> Extraction:
    """Return how much of a solute leaves the blood in one pass through a network.

    Parameters
    ----------
    network
        With flow (`solve_flow`).
    permeability
        Of the wall, ``"3e-7 cm/s"``, or ``(array, unit)`` with one for each segment.
    carried_fraction
        Share of the blood that carries the solute; 1 less the hematocrit, or 1 where there is none,
        if left out.

    Raises
    ------
    UnitError
        KG-124 for a permeability without unit, KG-121 for another dimension.
    DataError
        KG-187 for a network without flow, or with flow that is not conserved.

    Examples
    --------
    >>> print(kg.vessels.extraction(network, "3e-7 cm/s"))  # doctest: +SKIP
    """
    values: Any
    if isinstance(permeability, tuple) and len(permeability) == 2:
        require_dimension(str(permeability[1]), "um/s", "the permeability")
        scale = parse_quantity(f"1 {permeability[1]}").to("um/s")
        values = np.asarray(permeability[0], dtype=np.float64) * scale
    elif isinstance(permeability, (str, Quantity)):
        quantity = parse_quantity(permeability, "the permeability")
        require_dimension(quantity.unit, "um/s", "the permeability")
        values = quantity.to("um/s")
    else:
        raise UnitError("KG-124: the permeability needs its unit: '3e-7 cm/s' or (array, 'um/s').")
    if carried_fraction is None:
        cells = network.hematocrit
        carried_fraction = 1.0 if cells is None else 1.0 - np.asarray(cells)
    carriage = SoluteCarriage(network, values, carried_fraction=carried_fraction)
    steady = carriage.steady(1.0)
    moving = ~carriage.order.stagnant
    falls = np.divide(
        carriage.conductance,
        carriage.carrying,
        out=np.where(carriage.conductance > 0.0, np.inf, 0.0),
        where=moving,
    )
    share = steady.exchange.sum() / steady.entered if steady.entered > 0.0 else 0.0
    return Extraction(-np.expm1(-falls), steady.mean, float(share), network.surfaces)
