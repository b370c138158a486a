"""Vessel density and tissue geometry: radii, distances to the nearest vessel, reach of oxygen.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from typing import Any, Literal

from krogh.errors import SpecError
from krogh.model.tissue.measures import measured
from krogh.units import Quantity

__all__ = [
    "distance_to_vessel",
    "extravasation_rate",
    "krogh_radius",
    "oxygen_cylinder",
    "oxygen_reach",
    "share_beyond",
    "surface_per_volume",
    "vessel_density",
]

Pattern = Literal["random", "square", "hexagonal", "disc"]


def krogh_radius(vessel_density: Any) -> Quantity:
    r"""Return the radius of the tissue that one of parallel vessels supplies.

    .. math:: R_K = 1/\sqrt{\pi N}

    Krogh 1919, doi 10.1113/jphysiol.1919.sp001839.  56.6 vessels/mm^2 are 75 um.

    Parameters
    ----------
    vessel_density
        Vessels per area of a section, ``"56.6 1/mm^2"``.

    Raises
    ------
    SpecError
        KG-108 for a density that is not positive.
    UnitError
        KG-121 for another dimension.
    """
    density = measured(vessel_density, "1/um^2", "vessel density")
    return Quantity(1.0 / math.sqrt(math.pi * density), "um")


def vessel_density(krogh_radius: Any) -> Quantity:
    r"""Return the vessels per area of a section: :math:`N = 1/(\pi R_K^2)`.

    Parameters
    ----------
    krogh_radius
        Radius of the tissue that one vessel supplies.

    Raises
    ------
    SpecError
        KG-108 for a radius that is not positive.
    UnitError
        KG-121 for another dimension.
    """
    radius = measured(krogh_radius, "mm", "Krogh radius")
    return Quantity(1.0 / (math.pi * radius**2), "1/mm^2")


def _radii(inner: Any, outer: Any) -> tuple[float, float]:
    a = measured(inner, "um", "radius of the vessel")
    b = measured(outer, "um", "radius of the tissue")
    if a >= b:
        raise SpecError(
            f"KG-108: the radius of the tissue ({b:g} um) must exceed that of the vessel"
            f" ({a:g} um)."
        )
    return a, b


def surface_per_volume(inner_radius: Any, outer_radius: Any, *, annulus: bool = True) -> Quantity:
    r"""Return the vessel wall per tissue volume: :math:`2 R_c/(R_K^2 - R_c^2)`.

    Parameters
    ----------
    inner_radius, outer_radius
        Radii of the vessel and of its tissue.
    annulus
        Whether the tissue is the annulus; else its volume includes the vessel, :math:`2 R_c/R_K^2`.

    Raises
    ------
    SpecError
        KG-108 for radii that do not fit.
    UnitError
        KG-121 for another dimension.
    """
    a, b = _radii(inner_radius, outer_radius)
    return Quantity(2.0 * a / (b * b - (a * a if annulus else 0.0)), "1/um")


def extravasation_rate(
    permeability: Any, inner_radius: Any, outer_radius: Any, *, annulus: bool = True
) -> Quantity:
    r"""Return the rate constant of extravasation :math:`k_{ex} = P S/V`.

    Thurber & Wittrup 2012, doi 10.1016/j.jtbi.2012.08.034, refer it to the whole cylinder,
    :math:`2 P R_c/R_K^2` (``annulus=False``); a line's tissue is the annulus.

    Parameters
    ----------
    permeability
        P of the wall.
    inner_radius, outer_radius, annulus
        As in `surface_per_volume`.

    Raises
    ------
    SpecError
        KG-108 for radii that do not fit.
    UnitError
        KG-121 for another dimension.
    """
    speed = measured(permeability, "um/d", "permeability", zero=True)
    surface = surface_per_volume(inner_radius, outer_radius, annulus=annulus).value
    return Quantity(speed * surface, "1/d")


def distance_to_vessel(
    vessel_density: Any,
    pattern: Pattern = "random",
    what: Literal["mean", "median", "largest"] = "mean",
) -> Quantity:
    r"""Return a distance from the tissue to the nearest of parallel vessels (thin lines).

    ========= ===================== ============================ ========================
    pattern   mean                  median                       largest
    ========= ===================== ============================ ========================
    random    :math:`1/(2\sqrt N)`  :math:`\sqrt{\ln 2/(\pi N)}` unbounded
    square                                                       :math:`1/\sqrt{2N}`
    hexagonal                                                    :math:`\sqrt{2/(3\sqrt3 N)}`
    disc      :math:`2R_K/3`        :math:`R_K/\sqrt2`           :math:`R_K`
    ========= ===================== ============================ ========================

    The distance from random (Poisson) vessels has the distribution :math:`1 - e^{-\pi N d^2}`; the
    disc is Krogh's tissue around one vessel.

    Parameters
    ----------
    vessel_density
        Vessels per area of a section.
    pattern, what
        See above.

    Raises
    ------
    SpecError
        KG-108 for an unknown word or a combination that the table leaves out.
    UnitError
        KG-121 for another dimension.
    """
    n = measured(vessel_density, "1/um^2", "vessel density")
    disc = 1.0 / math.sqrt(math.pi * n)
    table: dict[tuple[str, str], float] = {
        ("random", "mean"): 0.5 / math.sqrt(n),
        ("random", "median"): math.sqrt(math.log(2.0) / (math.pi * n)),
        ("square", "largest"): 1.0 / math.sqrt(2.0 * n),
        ("hexagonal", "largest"): math.sqrt(2.0 / (3.0 * math.sqrt(3.0) * n)),
        ("disc", "mean"): 2.0 / 3.0 * disc,
        ("disc", "median"): disc / math.sqrt(2.0),
        ("disc", "largest"): disc,
    }
    if (pattern, what) not in table:
        known = ", ".join(f"{w} of {p}" for p, w in table)
        raise SpecError(f"KG-108: there is no {what!r} distance of {pattern!r}; known: {known}.")
    return Quantity(table[(pattern, what)], "um")


def share_beyond(distance: Any, vessel_density: Any) -> float:
    r"""Return the part of the tissue farther than a distance from random parallel vessels.

    .. math:: e^{-\pi N d^2}

    Parameters
    ----------
    distance
        d.
    vessel_density
        N, vessels per area of a section.

    Raises
    ------
    SpecError
        KG-108 for a density that is not positive or a negative distance.
    UnitError
        KG-121 for another dimension.
    """
    d = measured(distance, "um", "distance", zero=True)
    n = measured(vessel_density, "1/um^2", "vessel density")
    return math.exp(-math.pi * n * d * d)


def _per_consumption(pressure: Any, permeability: Any, consumption: Any) -> float:
    """Return D alpha P/M in um^2; the unit of oxygen's amount must cancel."""
    p = measured(pressure, "mmHg", "oxygen pressure")
    k = measured(permeability, "um^2/mmHg/s", "Krogh permeability D*alpha of oxygen")
    m = measured(consumption, "1/s", "consumption of oxygen")
    return k * p / m


def oxygen_reach(pressure: Any, *, permeability: Any, consumption: Any) -> Quantity:
    r"""Return how deep oxygen reaches into a plane sheet with constant consumption.

    .. math:: L = \sqrt{2 D \alpha P/M}

    Parameters
    ----------
    pressure
        Oxygen pressure P at the surface.
    permeability
        :math:`D\alpha` as volume of gas per volume, ``"4.2e-10 cm^2/mmHg/s"`` (mL of gas are
        cancelled against those of the consumption).
    consumption
        M, volume of gas per volume and time, ``"5e-4 1/s"``.

    Raises
    ------
    SpecError
        KG-108 for values that are not positive.
    UnitError
        KG-121 for another dimension.
    """
    return Quantity(math.sqrt(2.0 * _per_consumption(pressure, permeability, consumption)), "um")


def oxygen_cylinder(
    pressure: Any, inner_radius: Any, *, permeability: Any, consumption: Any
) -> Quantity:
    r"""Return the radius of the tissue cylinder whose edge oxygen just reaches (Krogh-Erlang).

    The radius R at which

    .. math:: P = \frac{M}{4 D \alpha}\left[2 R^2 \ln(R/R_c) - (R^2 - R_c^2)\right]

    Krogh 1919, doi 10.1113/jphysiol.1919.sp001839.

    Parameters
    ----------
    pressure
        Oxygen pressure at the vessel wall.
    inner_radius
        Radius of the vessel.
    permeability, consumption
        As in `oxygen_reach`.

    Raises
    ------
    SpecError
        KG-108 for values that are not positive.
    UnitError
        KG-121 for another dimension.
    """
    a = measured(inner_radius, "um", "radius of the vessel")
    need = 4.0 * _per_consumption(pressure, permeability, consumption) / (a * a)

    def excess(x: float) -> float:
        return 2.0 * x * x * math.log(x) - (x * x - 1.0) - need

    low, high = 1.0, 2.0
    while excess(high) < 0.0:
        low, high = high, 2.0 * high
    while high - low > 1e-14 * high:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return Quantity(a * high, "um")
