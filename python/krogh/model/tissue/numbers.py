"""Dimensionless numbers and lengths that say which step limits a drug in tissue.

SPDX-License-Identifier: BSD-3-Clause

With the equations of `krogh.model.tissue.free_drug` and `krogh.model.engagement.binding`:
quantities go in, plain numbers come out.
"""

from __future__ import annotations

import math
from typing import Any

from krogh.errors import SpecError
from krogh.model.tissue.geometry import _radii
from krogh.model.tissue.measures import measured
from krogh.units import Quantity

__all__ = [
    "binding_length",
    "biot_number",
    "bystander_fraction",
    "bystander_range",
    "clearance_modulus",
    "damkoehler_number",
    "hydraulic_modulus",
    "patlak_factor",
    "peclet_number",
    "permeability_surface_over_flow",
    "thiele_modulus",
]


def biot_number(
    permeability: Any,
    inner_radius: Any,
    outer_radius: Any,
    *,
    diffusivity: Any,
    void_fraction: Any,
) -> float:
    r"""Return the resistance of the tissue over that of the vessel wall.

    .. math:: \mathrm{Bi} = \frac{P R_c}{\varepsilon D} \ln(R_K/R_c)

    Far below 1 the wall limits (antibodies: 0.01-0.1), far above 1 diffusion does.  Thurber,
    Schmidt & Wittrup 2008, doi 10.1016/j.addr.2008.04.012, write :math:`2 P R_c/D`.

    Parameters
    ----------
    permeability, inner_radius, outer_radius
        P of the wall; radii of the vessel and of its tissue.
    diffusivity, void_fraction
        D and :math:`\varepsilon` of the drug.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    p = measured(permeability, "um/s", "permeability", zero=True)
    a, b = _radii(inner_radius, outer_radius)
    return p * a * math.log(b / a) / (_fraction(void_fraction) * _diffusivity(diffusivity))


def damkoehler_number(
    association_rate: Any,
    target_density: Any,
    length: Any,
    *,
    diffusivity: Any,
    void_fraction: Any,
) -> float:
    r"""Return binding over diffusion: :math:`k_{on} [Ag] L^2/(\varepsilon D)`.

    Far above 1 a sharp front forms (the binding site barrier).

    Parameters
    ----------
    association_rate
        :math:`k_{on}`, 1/(concentration time).
    target_density
        [Ag] per total tissue volume.
    length
        L, for example the depth of the tissue.
    diffusivity, void_fraction
        D and :math:`\varepsilon` of the drug.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    depth = measured(length, "um", "length")
    rate = measured(association_rate, "1/nM/s", "association rate", zero=True)
    rate *= measured(target_density, "nM", "target density", zero=True)
    return rate * depth**2 / (_fraction(void_fraction) * _diffusivity(diffusivity))


def binding_length(
    association_rate: Any, target_density: Any, *, diffusivity: Any, void_fraction: Any
) -> Quantity:
    r"""Return how far a drug diffuses before it binds: :math:`\sqrt{\varepsilon D/(k_{on}[Ag])}`.

    Trastuzumab in NCI-N87: 2.0-2.4 um.

    Parameters
    ----------
    association_rate, target_density, diffusivity, void_fraction
        As in `damkoehler_number`; here both must be positive.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    rate = measured(association_rate, "1/nM/s", "association rate")
    rate *= measured(target_density, "nM", "target density")
    return Quantity(math.sqrt(_fraction(void_fraction) * _diffusivity(diffusivity) / rate), "um")


def _supply(
    *,
    permeability: Any,
    inner_radius: Any,
    outer_radius: Any,
    radius: Any,
    diffusivity: Any,
    void_fraction: Any,
) -> float:
    """Return the tissue volume over the transport to it: 1/s for a cylinder or a sphere."""
    cylinder = (permeability, inner_radius, outer_radius)
    sphere = (radius, diffusivity, void_fraction)
    if all(v is not None for v in cylinder) and all(v is None for v in sphere):
        p = measured(permeability, "um/s", "permeability")
        a, b = _radii(inner_radius, outer_radius)
        return (b * b - a * a) / (2.0 * p * a)
    if all(v is not None for v in sphere) and all(v is None for v in cylinder):
        r = measured(radius, "um", "radius")
        return r * r / (_fraction(void_fraction) * _diffusivity(diffusivity))
    raise SpecError(
        "KG-101: give 'permeability', 'inner_radius' and 'outer_radius' for the tissue of a vessel,"
        " or 'radius', 'diffusivity' and 'void_fraction' for a sphere."
    )


def thiele_modulus(
    internalization_rate: Any,
    target_density: Any,
    concentration: Any,
    *,
    permeability: Any = None,
    inner_radius: Any = None,
    outer_radius: Any = None,
    radius: Any = None,
    diffusivity: Any = None,
    void_fraction: Any = None,
) -> float:
    r"""Return the squared Thiele modulus: internalization over supply, at a held concentration.

    .. math::
        \phi^2 = \frac{k_e (R_K^2 - R_c^2) [Ag]}{2 P R_c C_p} \;\text{(vessel)}, \qquad
        \phi^2 = \frac{k_e R^2 [Ag]}{\varepsilon D C_0} \;\text{(sphere)}

    A vessel's tissue can be saturated if it is below 1, a sphere if it is below 6.  Thurber, Zajic
    & Wittrup 2007, doi 10.2967/jnumed.106.037069 (unverified; their prefactors may differ).

    Parameters
    ----------
    internalization_rate
        :math:`k_e`, 1/time.
    target_density
        [Ag] per total tissue volume.
    concentration
        Free concentration in plasma or around the sphere.
    permeability, inner_radius, outer_radius
        For the tissue of a vessel.
    radius, diffusivity, void_fraction
        For a sphere.

    Raises
    ------
    SpecError
        KG-101 unless one of the two sets is given; KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    supply = _supply(
        permeability=permeability,
        inner_radius=inner_radius,
        outer_radius=outer_radius,
        radius=radius,
        diffusivity=diffusivity,
        void_fraction=void_fraction,
    )
    rate = measured(internalization_rate, "1/s", "internalization rate", zero=True)
    target = measured(target_density, "nM", "target density", zero=True)
    return rate * target * supply / measured(concentration, "nM", "concentration")


def clearance_modulus(
    target_density: Any,
    exposure: Any,
    *,
    permeability: Any = None,
    inner_radius: Any = None,
    outer_radius: Any = None,
    radius: Any = None,
    diffusivity: Any = None,
    void_fraction: Any = None,
) -> float:
    r"""Return the target to be filled over what a course of plasma can bring.

    .. math::
        \Gamma = \frac{(R_K^2 - R_c^2) [Ag]}{2 P R_c\,\mathrm{AUC}} \;\text{(vessel)}, \qquad
        \Gamma = \frac{R^2 [Ag]}{6 \varepsilon D\,\mathrm{AUC}} \;\text{(sphere)}

    Below 1 the dose suffices to reach every cell.  Thurber, Zajic & Wittrup 2007, doi
    10.2967/jnumed.106.037069 (unverified; their prefactors may differ).

    Parameters
    ----------
    target_density
        [Ag] per total tissue volume.
    exposure
        AUC of the free concentration in plasma, concentration times time.
    permeability, inner_radius, outer_radius, radius, diffusivity, void_fraction
        As in `thiele_modulus`.

    Raises
    ------
    SpecError
        KG-101 unless one of the two sets is given; KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    supply = _supply(
        permeability=permeability,
        inner_radius=inner_radius,
        outer_radius=outer_radius,
        radius=radius,
        diffusivity=diffusivity,
        void_fraction=void_fraction,
    )
    target = measured(target_density, "nM", "target density", zero=True)
    auc = measured(exposure, "nM*s", "exposure")
    return target * supply / (auc if radius is None else 6.0 * auc)


def permeability_surface_over_flow(
    permeability: Any, inner_radius: Any, outer_radius: Any, flow: Any
) -> float:
    r"""Return the clearance through the wall over the blood flow, :math:`PS/Q`.

    .. math:: \frac{P}{q} \frac{2 R_c}{R_K^2}

    Far above 1 flow limits uptake, far below 1 extravasation does (Thurber & Weissleder 2011, doi
    10.1371/journal.pone.0024696).

    Parameters
    ----------
    permeability, inner_radius, outer_radius
        P of the wall; radii of the vessel and of its tissue.
    flow
        Blood flow q per tissue volume, 1/time (``"0.5 mL/mL/min"``).

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    p = measured(permeability, "um/s", "permeability", zero=True)
    a, b = _radii(inner_radius, outer_radius)
    return p * 2.0 * a / (b * b) / measured(flow, "1/s", "blood flow per tissue volume")


def peclet_number(
    filtration: Any, reflection: Any, permeability: Any, surface_per_volume: Any
) -> float:
    r"""Return convection over diffusion across a vessel wall: :math:`J_v (1-\sigma)/(P S)`.

    Parameters
    ----------
    filtration
        :math:`J_v/V`, fluid per tissue volume and time, 1/time; negative where fluid returns.
    reflection
        :math:`\sigma` of the drug, 0 to 1.
    permeability, surface_per_volume
        P and S/V.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    fluid = measured(filtration, "1/s", "filtration", negative=True)
    sigma = measured(reflection, "", "reflection coefficient", zero=True)
    if sigma > 1.0:
        raise SpecError(f"KG-108: the reflection coefficient lies in 0 .. 1, found {sigma:g}.")
    p = measured(permeability, "um/s", "permeability")
    return fluid * (1.0 - sigma) / (p * measured(surface_per_volume, "1/um", "surface per volume"))


def patlak_factor(peclet: Any) -> float:
    r"""Return by how much flow through the wall raises the flux of a solute into empty tissue.

    .. math:: \frac{\mathrm{Pe}}{1 - e^{-\mathrm{Pe}}}

    times :math:`P S C_p`: 1 at Pe = 0, Pe for strong filtration, and near 0 against strong flow.
    Patlak, Goldstein & Hoffman 1963, doi 10.1016/0022-5193(63)90088-2 (unverified).  The return
    flux has the factor of -Pe.

    Parameters
    ----------
    peclet
        Pe of the wall (`peclet_number`), of either sign.

    Raises
    ------
    SpecError
        KG-108 for a number that is not finite.
    """
    pe = measured(peclet, "", "Peclet number", negative=True)
    if pe == 0.0:
        return 1.0
    if pe > 0.0:
        return pe / -math.expm1(-pe)
    return -pe * math.exp(pe) / -math.expm1(pe)


def hydraulic_modulus(
    radius: Any, hydraulic_conductivity: Any, surface_per_volume: Any, tissue_conductivity: Any
) -> float:
    r"""Return :math:`\alpha = R \sqrt{L_p S/(K V)}`, vascular over interstitial conductance.

    Above about 5 the interstitial pressure has a plateau (Baxter & Jain 1989, doi
    10.1016/0026-2862(89)90074-5).

    Parameters
    ----------
    radius
        R of the tumor.
    hydraulic_conductivity, surface_per_volume
        :math:`L_p` and S/V of the vessels.
    tissue_conductivity
        K of the interstitium, ``"4.13e-8 cm^2/mmHg/s"``.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    r = measured(radius, "um", "radius")
    lp = measured(hydraulic_conductivity, "um/mmHg/s", "hydraulic conductivity of the vessels")
    s = measured(surface_per_volume, "1/um", "surface per volume")
    return r * math.sqrt(lp * s / measured(tissue_conductivity, "um^2/mmHg/s", "conductivity"))


def bystander_range(diffusivity: Any, uptake_rate: Any, washout_rate: Any = "0 1/s") -> Quantity:
    r"""Return how far a released payload diffuses: :math:`\delta = \sqrt{D/(k_{cell} + k_w)}`.

    Khera et al. 2018, doi 10.1039/C7ME00093F.

    Parameters
    ----------
    diffusivity
        D of the payload.
    uptake_rate, washout_rate
        :math:`k_{cell}` into cells and :math:`k_w` through vessels, 1/time.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    lost = sum(_rates(uptake_rate, washout_rate))
    return Quantity(math.sqrt(_diffusivity(diffusivity) / lost), "um")


def bystander_fraction(uptake_rate: Any, washout_rate: Any) -> float:
    r"""Return the part of released payload that other cells take: :math:`k_{cell}/(k_{cell}+k_w)`.

    Parameters
    ----------
    uptake_rate, washout_rate
        As in `bystander_range`.

    Raises
    ------
    SpecError
        KG-108 for values without meaning.
    UnitError
        KG-121 for another dimension.
    """
    cells, vessels = _rates(uptake_rate, washout_rate)
    return cells / (cells + vessels)


def _rates(uptake: Any, washout: Any) -> tuple[float, float]:
    return (
        measured(uptake, "1/s", "uptake rate"),
        measured(washout, "1/s", "washout rate", zero=True),
    )


def _fraction(value: Any) -> float:
    number = measured(value, "", "void fraction")
    if number > 1.0:
        raise SpecError(f"KG-108: the void fraction lies in 0 .. 1, found {number:g}.")
    return number


def _diffusivity(value: Any) -> float:
    return measured(value, "um^2/s", "diffusivity")
