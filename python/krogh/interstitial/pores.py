"""Vessel walls as plates with round pores: what fluid and solutes pass for a size of pore.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from krogh.errors import SpecError, UnitError
from krogh.line.problem import value_and_unit

__all__ = ["PoreWall", "wall_of_pores"]

_A: Final = (-73.0 / 60.0, 77293.0 / 50400.0, -22.5083, -5.6117, -0.3363, -1.216, 1.647)
_B: Final = (7.0 / 60.0, -2227.0 / 50400.0, 4.0180, -3.9788, -1.9215, 4.392, 5.006)
"""Of the drag on a sphere on the axis of a pore: Bungay & Brenner 1973, Int J Multiphase Flow 1:25,
as tabulated by Deen 1987, AIChE J 33:1409, doi 10.1002/aic.690330902."""

_BOLTZMANN: Final = 1.380649e-23  # J/K, exact in the SI
_TEMPERATURE: Final = 310.15  # K, 37 C
_WATER: Final = 6.913e-4  # Pa s at 37 C, IAPWS 2008 (Huber et al. 2009, doi 10.1063/1.3088050)


@dataclass(frozen=True)
class PoreWall:
    """What passes a wall; the texts can be given to `interstitial_flow` and as values of models.

    Attributes
    ----------
    vascular_conductivity
        Lp, um/(Pa s).
    permeability
        Of the solute, um/s.
    reflection
        Of the solute, 0 to 1.
    """

    vascular_conductivity: str
    permeability: str
    reflection: str


def wall_of_pores(
    pore_radius: Any,
    solute_radius: Any,
    *,
    pore_share: float = 1e-3,
    thickness: Any = "5 um",
    viscosity: Any = "3e-5 mmHg s",
    diffusivity: Any = None,
) -> PoreWall:
    """Return conductivity, permeability and reflection of a wall with pores of one size.

    Parameters
    ----------
    pore_radius, solute_radius
        With unit: ``"100 nm"``, ``"5 nm"``.
    pore_share
        Area of the pores over the area of the wall.
    thickness
        Of the wall.
    viscosity
        Of the fluid in the pores.
    diffusivity
        Of the solute in water; left out, that of a sphere at 37 C (Stokes & Einstein).

    Notes
    -----
    ``Lp = gamma r^2/(8 eta L)`` (Poiseuille), ``P = gamma H D/L`` and ``sigma = 1 - W`` with the
    hindrances of diffusion and convection of a sphere in a round pore (Deen 1987, doi
    10.1002/aic.690330902): ``H = 6 pi (1 - l)^2/Kt``, ``W = (1 - l)^2 (2 - (1 - l)^2) Ks/(2 Kt)``,
    l the radius of the solute over that of the pore; a solute as wide as the pore does not pass.
    The share, the thickness and the viscosity left out are those of a public code after
    Stylianopoulos & Jain 2013, PNAS 110:18632, doi 10.1073/pnas.1318415110; unverified against it.

    Raises
    ------
    SpecError
        KG-167 for values that are not positive, or a share above one.
    UnitError
        KG-121, KG-124 for units.

    Examples
    --------
    >>> from krogh.interstitial import wall_of_pores
    >>> wide, narrow = (wall_of_pores(f"{r} nm", "5 nm") for r in (100, 10))
    >>> round(float(wide.reflection), 3), round(float(narrow.reflection), 3)
    (0.011, 0.633)
    """
    pore = _positive(pore_radius, "pore_radius", "um")
    solute = _positive(solute_radius, "solute_radius", "um")
    length = _positive(thickness, "thickness", "um")
    thick = _positive(viscosity, "viscosity", "Pa s")
    if not 0.0 < pore_share <= 1.0:
        raise SpecError(f"KG-167: pore_share lies between 0 and 1, found {pore_share!r}.")
    if diffusivity is None:
        # um from m: J = Pa m^3; um^2/s = 1e12 m^2/s, the radius in m is 1e-6 of that in um.
        d = _BOLTZMANN * _TEMPERATURE / (6.0 * np.pi * _WATER * solute) * 1e18
    else:
        d = _positive(diffusivity, "diffusivity", "um^2/s")
    hinder_diffusion, hinder_convection = hindrance(solute / pore)
    return PoreWall(
        vascular_conductivity=f"{pore_share * pore**2 / (8.0 * thick * length)!r} um/(Pa s)",
        permeability=f"{float(pore_share * hinder_diffusion * d / length)!r} um/s",
        reflection=repr(float(1.0 - hinder_convection)),
    )


def hindrance(ratio: float) -> tuple[float, float]:
    """Return H and W for a ratio of radii, solute over pore; see `wall_of_pores`."""
    if ratio >= 1.0:
        return 0.0, 0.0
    gap = 1.0 - ratio
    near = 2.25 * np.pi**2 * np.sqrt(2.0) * gap**-2.5
    powers = ratio ** np.arange(5)
    kt = near * (1.0 + _A[0] * gap + _A[1] * gap**2) + float(np.dot(_A[2:], powers))
    ks = near * (1.0 + _B[0] * gap + _B[1] * gap**2) + float(np.dot(_B[2:], powers))
    share = gap**2
    return 6.0 * np.pi * share / kt, share * (2.0 - share) * ks / (2.0 * kt)


def _positive(given: Any, what: str, unit: str) -> float:
    numbers, stated = value_and_unit(given, what, unit)
    if stated is None:
        raise UnitError(f"KG-124: {what} needs its unit, such as '1 {unit}'.")
    value = np.asarray(numbers, dtype=np.float64)
    if value.shape != () or not (np.isfinite(value) and value > 0.0):
        raise SpecError(f"KG-167: {what} must be one positive number, found {given!r}.")
    return float(value)
