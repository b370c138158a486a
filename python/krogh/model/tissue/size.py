"""What the size of a molecule or particle decides: radius, diffusivity, permeability, void.

SPDX-License-Identifier: BSD-3-Clause

The laws are those of Schmidt & Wittrup 2009, doi 10.1158/1535-7163.MCT-09-0195, with the hindrance
in pores of Haberman & Sayre and of Paine & Scherr 1975, doi 10.1016/S0006-3495(75)85884-X
(unverified).  Their constants were read in a public transcription (marked so below), not in the
articles.
"""

from __future__ import annotations

import math
from typing import Any, Final

from krogh.errors import SpecError
from krogh.model.tissue.measures import measured
from krogh.units import Quantity

__all__ = [
    "free_diffusivity",
    "glomerular_sieving",
    "hindrance",
    "hydrodynamic_radius",
    "nanoparticle_diffusivity",
    "pore_radius",
    "pore_reflection",
    "single_pore_permeability",
    "two_pore_permeability",
    "void_fraction_of",
]

# Schmidt & Wittrup 2009 (as transcribed in SchmidtPerm.m, SchmidtVoid.m of a public repository)
RADIUS_FACTOR: Final = 0.912  # nm/kDa^0.333
RADIUS_EXPONENT: Final = 0.333
STOKES_EINSTEIN: Final = 3e-6  # cm^2/s * nm: Stokes-Einstein diffusivity times radius
SMALL_PORE: Final = 4.5  # nm
LARGE_PORE: Final = 500.0  # nm
SMALL_AREA: Final = 17.6  # 1/cm: fractional area of the pores over the thickness of the wall
LARGE_AREA: Final = 0.65  # 1/cm
_VOID: Final = ((0.9, 13.8), (0.1, 1000.0))  # weight, radius of the pores of the tissue in nm
_INTERSTITIUM: Final = 0.5  # part of the tissue outside cells

# drag of a sphere on the axis of a pore by its relative radius: Paine & Scherr 1975, Table 2
DRAG_RATIO: Final = tuple(round(0.60 + 0.02 * i, 2) for i in range(16))
DRAG: Final = (
    11.14580,
    12.87453,
    14.98751,
    17.59862,
    20.86550,
    25.01092,
    30.35733,
    37.38467,
    46.83132,
    59.87967,
    78.51925,
    106.31670,
    150.22684,
    225.51931,
    372.41035,
    737.25652,
)


def hydrodynamic_radius(molar_mass: Any) -> Quantity:
    """Return the radius of a globular protein: ``R = 0.912 nm*(M/kDa)^0.333``.

    Schmidt & Wittrup 2009, doi 10.1158/1535-7163.MCT-09-0195 (transcribed).  An IgG of 150 kDa has
    4.84 nm.

    Parameters
    ----------
    molar_mass
        ``"150 kDa"``.

    Raises
    ------
    UnitError
        KG-121 for another dimension.
    SpecError
        KG-108 for a mass that is not positive.
    """
    mass = measured(molar_mass, "kDa", "molar mass")
    return Quantity(RADIUS_FACTOR * mass**RADIUS_EXPONENT, "nm")


def _radius(molar_mass: Any, radius: Any) -> float:
    if (molar_mass is None) == (radius is None):
        raise SpecError("KG-101: give either 'molar_mass' or 'radius'.")
    if radius is None:
        return hydrodynamic_radius(molar_mass).value
    return measured(radius, "nm", "radius")


def free_diffusivity(molar_mass: Any = None, *, radius: Any = None) -> Quantity:
    """Return the diffusivity in water at 37 degrees: ``D = 3e-6 cm^2/s / (R/nm)``.

    Schmidt & Wittrup 2009 (transcribed).  In tissue it is lower; use it as an upper bound.

    Parameters
    ----------
    molar_mass, radius
        One of the two: ``"150 kDa"`` or ``"4.8 nm"``.

    Raises
    ------
    SpecError
        KG-101 for both or none; KG-108 for a value that is not positive.
    UnitError
        KG-121 for another dimension.
    """
    return Quantity(STOKES_EINSTEIN / _radius(molar_mass, radius), "cm^2/s")


def hindrance(ratio: float) -> float:
    r"""Return the hindrance of diffusion of a sphere in a pore, partition included.

    .. math:: H(\lambda) = (1 - \lambda)^2 / K(\lambda)

    with the drag K relative to free water: below 0.6 the polynomial of Haberman & Sayre,

    .. math:: 1/K = \frac{1 - 2.105\lambda + 2.0865\lambda^3 - 1.7068\lambda^5 + 0.72603\lambda^6}
                        {1 - 0.75857\lambda^5}

    from 0.6 to 0.9 the table of Paine & Scherr 1975, doi 10.1016/S0006-3495(75)85884-X
    (unverified), straight in the logarithm of K between its points (transcribed; the transcription
    that was read applies the partition :math:`(1-\lambda)^2` twice in that range, which is
    corrected here; at 0.6 polynomial and table differ by 5 %), and 0 above 0.9, where H is below
    1.4e-5, as in Schmidt & Wittrup.

    Parameters
    ----------
    ratio
        Radius of the sphere over that of the pore, 0 or more.

    Raises
    ------
    SpecError
        KG-108 for a ratio that is negative or not finite.
    """
    x = measured(ratio, "", "ratio of radii", zero=True)
    if x > DRAG_RATIO[-1] + 1e-12:
        return 0.0
    open_area = (1.0 - x) ** 2
    if x < DRAG_RATIO[0]:
        top = 1.0 + x * (-2.105 + x**2 * (2.0865 + x**2 * (-1.7068 + 0.72603 * x)))
        return open_area * top / (1.0 - 0.75857 * x**5)
    at = min(int((x - DRAG_RATIO[0]) / 0.02), len(DRAG) - 2)
    part = (x - DRAG_RATIO[at]) / 0.02
    drag = math.exp((1.0 - part) * math.log(DRAG[at]) + part * math.log(DRAG[at + 1]))
    return open_area / drag


def two_pore_permeability(molar_mass: Any = None, *, radius: Any = None) -> Quantity:
    r"""Return the permeability of tumor vessels for a molecule of a size.

    .. math:: P = D_{free} \left[17.6\,\mathrm{cm}^{-1} H(R/4.5\,\mathrm{nm})
                                + 0.65\,\mathrm{cm}^{-1} H(R/500\,\mathrm{nm})\right]

    Schmidt & Wittrup 2009, doi 10.1158/1535-7163.MCT-09-0195, with `free_diffusivity` and
    `hindrance`.  IgG: 3.9e-7 cm/s; published values of IgG differ fivefold between families of
    models, so keep its range.

    Parameters
    ----------
    molar_mass, radius
        One of the two: ``"150 kDa"`` or ``"50 nm"``.

    Raises
    ------
    SpecError
        KG-101 for both or none; KG-108 for a value that is not positive.
    UnitError
        KG-121 for another dimension.
    """
    r = _radius(molar_mass, radius)
    pores = SMALL_AREA * hindrance(r / SMALL_PORE) + LARGE_AREA * hindrance(r / LARGE_PORE)
    return Quantity(STOKES_EINSTEIN / r * pores, "cm/s")


def void_fraction_of(molar_mass: Any = None, *, radius: Any = None) -> float:
    r"""Return the part of the tumor that a molecule of a size can enter.

    .. math:: \varepsilon = 0.5\,[0.9 (1 - R/13.8\,\mathrm{nm})_+^2
                                 + 0.1 (1 - R/1000\,\mathrm{nm})_+^2]

    Schmidt & Wittrup 2009, doi 10.1158/1535-7163.MCT-09-0195; a pore narrower than the molecule
    holds nothing.  IgG: 0.239.

    Parameters
    ----------
    molar_mass, radius
        One of the two.

    Raises
    ------
    SpecError
        KG-101 for both or none; KG-108 for a value that is not positive.
    UnitError
        KG-121 for another dimension.
    """
    r = _radius(molar_mass, radius)
    return _INTERSTITIUM * sum(w * max(1.0 - r / pore, 0.0) ** 2 for w, pore in _VOID)


def void_expression(radius: str) -> str:
    """Return the law of `void_fraction_of` as an expression of a radius (a name).

    Parameters
    ----------
    radius
        Name of the radius in a model.
    """
    terms = " + ".join(f"{w}*max(1 - {radius}/{pore}[nm], 0)^2" for w, pore in _VOID)
    return f"{_INTERSTITIUM}*({terms})"


def glomerular_sieving(molar_mass: Any) -> float:
    r"""Return the sieving coefficient of the kidney's filter for a protein.

    .. math:: \theta = \exp\left(1 - \frac{8.7}{1 + e^{0.028(72.3 - M/\mathrm{kDa})}}\right)

    which tends to 0.985 for small molecules.  Li & Shah 2019, doi 10.1007/s10928-019-09639-2
    (transcribed, with the sign that makes large proteins stay).

    Parameters
    ----------
    molar_mass
        ``"15 kDa"``.

    Raises
    ------
    SpecError
        KG-108 for a mass that is not positive.
    UnitError
        KG-121 for another dimension.
    """
    mass = measured(molar_mass, "kDa", "molar mass")
    return math.exp(1.0 - 8.7 / (1.0 + math.exp(0.028 * (72.3 - mass))))


def nanoparticle_diffusivity(diameter: Any) -> Quantity:
    r"""Return the diffusivity of nanoparticles in tumor tissue by their diameter.

    .. math:: D = 1.981\times10^{-6}\,(d/\mathrm{nm})^{-1.157} + 2.221\times10^{-8}
              \quad\mathrm{cm^2/s}

    An empirical fit in the code of a public solver of interstitial flow and particle delivery
    (PSORLab/CancerModel, which states no source): unverified.

    Parameters
    ----------
    diameter
        ``"100 nm"``.

    Raises
    ------
    SpecError
        KG-108 for a diameter that is not positive.
    UnitError
        KG-121 for another dimension.
    """
    d = measured(diameter, "nm", "diameter")
    return Quantity(1.981e-6 * d**-1.157 + 2.221e-8, "cm^2/s")


def pore_radius(
    hydraulic_conductivity: Any,
    *,
    pore_fraction: float = 1e-3,
    thickness: Any = "5e-4 cm",
    viscosity: Any = "3e-5 mmHg*s",
) -> Quantity:
    r"""Return the radius of equal pores that give a wall its hydraulic conductivity.

    .. math:: r = \sqrt{8 \eta L L_p/\gamma}

    Poiseuille flow through pores of area fraction :math:`\gamma` in a wall of thickness L; Deen
    1987, doi 10.1002/aic.690330902 (unverified).  The defaults are those of published tumor models
    of this form (transcribed, unverified).

    Parameters
    ----------
    hydraulic_conductivity
        :math:`L_p` of the wall, ``"2.8e-7 cm/mmHg/s"``.
    pore_fraction
        :math:`\gamma`, 0 to 1.
    thickness, viscosity
        L and :math:`\eta`.

    Raises
    ------
    SpecError
        KG-108 for values that are not positive or a fraction above 1.
    UnitError
        KG-121 for another dimension.
    """
    conductivity = measured(hydraulic_conductivity, "um/mmHg/s", "hydraulic conductivity")
    gamma = _pore_fraction(pore_fraction)
    length = measured(thickness, "um", "thickness of the wall")
    eta = measured(viscosity, "mmHg*s", "viscosity")
    return Quantity(math.sqrt(8.0 * eta * length * conductivity / gamma), "um")


def single_pore_permeability(
    radius: Any,
    *,
    pore_radius: Any,
    pore_fraction: float = 1e-3,
    thickness: Any = "5e-4 cm",
) -> Quantity:
    r"""Return the permeability of a wall with equal pores: :math:`P = \gamma H(R/r) D_{free}/L`.

    Deen 1987, doi 10.1002/aic.690330902 (unverified), with `hindrance` and `free_diffusivity`.

    Parameters
    ----------
    radius
        Radius of the solute.
    pore_radius
        Radius of the pores; `pore_radius` gives it from the hydraulic conductivity.
    pore_fraction, thickness
        As in `pore_radius`.

    Raises
    ------
    SpecError
        KG-108 for values that are not positive or a fraction above 1.
    UnitError
        KG-121 for another dimension.
    """
    size = measured(radius, "nm", "radius")
    pore = measured(pore_radius, "nm", "radius of the pores")
    length = measured(thickness, "cm", "thickness of the wall")
    return Quantity(
        _pore_fraction(pore_fraction) * hindrance(size / pore) * STOKES_EINSTEIN / size / length,
        "cm/s",
    )


def pore_reflection(ratio: float) -> float:
    r"""Return the reflection coefficient of a sphere in a pore: :math:`\sigma = 1 - W`.

    .. math:: W = \Phi (2 - \Phi), \qquad \Phi = (1 - \lambda)^2

    the steric part of hindered convection (parabolic flow, no lag of the sphere behind the fluid):
    :math:`\sigma = (1 - \Phi)^2`; Deen 1987, doi 10.1002/aic.690330902 (unverified).  It is 1 for
    spheres larger than the pore.

    Parameters
    ----------
    ratio
        Radius of the sphere over that of the pore.

    Raises
    ------
    SpecError
        KG-108 for a ratio that is negative or not finite.
    """
    x = min(measured(ratio, "", "ratio of radii", zero=True), 1.0)
    return (1.0 - (1.0 - x) ** 2) ** 2


def _pore_fraction(value: float) -> float:
    gamma = measured(value, "", "area fraction of the pores")
    if gamma > 1.0:
        raise SpecError(f"KG-108: the area fraction of the pores lies in 0 .. 1, found {gamma:g}.")
    return gamma
