"""Apparent viscosity of blood in microvessels and the split of red cells at bifurcations.

SPDX-License-Identifier: BSD-3-Clause

Diameters in um, discharge hematocrit as a fraction, viscosity in mPa s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError, did_you_mean

__all__ = [
    "PLASMA_VISCOSITY",
    "VISCOSITIES",
    "cell_split",
    "relative_viscosity",
    "viscosity_in_vitro",
    "viscosity_in_vivo_1994",
    "viscosity_in_vivo_2005",
]

Floats = NDArray[np.float64]

PLASMA_VISCOSITY: Final = 1.0466
"""Of plasma, mPa s: the value that the program Reanimate (psweens/Reanimate, Vasculature_Rheology)
uses with the law of 2005; not checked in a publication."""


def _curvature(diameter: Floats) -> Floats:
    """Return C of Pries, Neuhaus and Gaehtgens 1992: how viscosity bends with hematocrit.

    doi:10.1152/ajpheart.1992.263.6.H1770
    """
    steep = 1.0 / (1.0 + 1e-11 * diameter**12)
    found: Floats = (0.8 + np.exp(-0.075 * diameter)) * (steep - 1.0) + steep
    return found


def _hematocrit_factor(diameter: Floats, hematocrit: Floats) -> Floats:
    """Return ((1 - H)^C - 1) / ((1 - 0.45)^C - 1), which is 1 at H = 0.45."""
    # The quotient has a finite limit where C passes zero; expm1 keeps its digits near there.
    power = _curvature(diameter)
    power = np.where(np.abs(power) < 1e-12, 1e-12, power)
    found: Floats = np.expm1(power * np.log1p(-hematocrit)) / np.expm1(power * np.log(0.55))
    return found


def viscosity_in_vitro(diameter: ArrayLike, hematocrit: ArrayLike) -> Floats:
    """Return the relative viscosity in glass tubes (Pries, Neuhaus and Gaehtgens 1992).

    doi:10.1152/ajpheart.1992.263.6.H1770
    """
    width, cells = np.asarray(diameter, dtype=np.float64), np.asarray(hematocrit, dtype=np.float64)
    at_45 = 220.0 * np.exp(-1.3 * width) + 3.2 - 2.44 * np.exp(-0.06 * width**0.645)
    found: Floats = 1.0 + (at_45 - 1.0) * _hematocrit_factor(width, cells)
    return found


def viscosity_in_vivo_1994(diameter: ArrayLike, hematocrit: ArrayLike) -> Floats:
    """Return the relative viscosity in vivo of Pries et al. 1994; diameters above 1.1 um.

    doi:10.1161/01.RES.75.5.904
    """
    width, cells = np.asarray(diameter, dtype=np.float64), np.asarray(hematocrit, dtype=np.float64)
    if np.any(width <= 1.1):
        raise DataError(
            f"KG-181: the viscosity law of 1994 holds for diameters above 1.1 um, not"
            f" {np.min(width):g} um."
        )
    at_45 = 6.0 * np.exp(-0.085 * width) + 3.2 - 2.44 * np.exp(-0.06 * width**0.645)
    layer = (width / (width - 1.1)) ** 2
    factor = _hematocrit_factor(width, cells)
    found: Floats = (1.0 + (at_45 - 1.0) * factor * layer) * layer
    return found


def viscosity_in_vivo_2005(diameter: ArrayLike, hematocrit: ArrayLike) -> Floats:
    """Return the relative viscosity in vivo of Pries and Secomb 2005.

    The law in glass tubes at the diameter less the physical layer on the endothelium, times the
    fourth power of diameter over the effective diameter; the layer's thickness depends on diameter
    and hematocrit.  doi:10.1152/ajpheart.00297.2005
    """
    width, cells = np.asarray(diameter, dtype=np.float64), np.asarray(hematocrit, dtype=np.float64)
    start, critical, half, most = 2.4, 10.5, 100.0, 2.6  # um
    peak, decay, physical, swelling = 1.1, 0.03, 0.6, 1.18
    above = np.maximum(width - start, 0.0)
    base = most * above / (above + half - start)
    hump = np.where(
        width <= critical,
        peak * above / (critical - start),
        peak * np.exp(-decay * (width - critical)),
    )
    inner = width - 2.0 * (base + physical * hump)
    effective = width - 2.0 * (base + hump * (1.0 + swelling * cells))
    found: Floats = viscosity_in_vitro(inner, cells) * (width / effective) ** 4
    return found


def _plasma(diameter: ArrayLike, hematocrit: ArrayLike) -> Floats:
    """Return 1: a fluid of the viscosity of plasma."""
    return np.ones(np.broadcast(diameter, hematocrit).shape)


VISCOSITIES: Final[dict[str, Callable[[ArrayLike, ArrayLike], Floats]]] = {
    "in vivo 2005": viscosity_in_vivo_2005,
    "in vivo 1994": viscosity_in_vivo_1994,
    "in vitro 1992": viscosity_in_vitro,
    "plasma": _plasma,
}
"""The laws by name."""


def relative_viscosity(law: str, diameter: ArrayLike, hematocrit: ArrayLike) -> Floats:
    """Return the apparent viscosity over that of plasma by the law of this name.

    Raises
    ------
    DataError
        KG-185 for an unknown law.
    """
    if law not in VISCOSITIES:
        raise DataError(
            f"KG-185: there is no viscosity law {law!r}; laws: {', '.join(map(repr, VISCOSITIES))}."
            f"{did_you_mean(law, VISCOSITIES)}"
        )
    return VISCOSITIES[law](diameter, hematocrit)


def cell_split(
    flow_share: float, hematocrit: float, parent: float, daughter: float, sister: float
) -> float:
    """Return the share of the red cells that enters a daughter vessel at a bifurcation.

    Parameters
    ----------
    flow_share
        Share of the blood that enters the daughter, 0 to 1.
    hematocrit
        Discharge hematocrit of the parent.
    parent, daughter, sister
        Diameters, um.

    Notes
    -----
    Pries, Ley, Claassen and Gaehtgens 1989 (Microvasc Res 38:81) with the parameters of Pries
    and Secomb 2005 (as in the program Reanimate):
    ``logit(cells) = A + B logit((flow - X0)/(1 - 2 X0))`` with
    ``A = -13.29 ((Da^2/Db^2 - 1)/(Da^2/Db^2 + 1)) (1 - H)/D``, ``B = 1 + 6.98 (1 - H)/D`` and
    ``X0 = 0.964 (1 - H)/D``; no cells below the flow share X0, all above 1 - X0.  In parents so
    thin that X0 reaches 1/2 (about 1.2 um and less) all cells take the stronger flow.
    """
    scaled = (1.0 - hematocrit) / parent
    least = min(0.964 * scaled, 0.5)
    if flow_share <= least and flow_share < 0.5:
        return 0.0
    if flow_share >= 1.0 - least and flow_share > 0.5:
        return 1.0
    if least >= 0.5:
        return 0.5
    ratio = (daughter / sister) ** 2
    bias = -13.29 * (ratio - 1.0) / (ratio + 1.0) * scaled
    slope = 1.0 + 6.98 * scaled
    above = (flow_share - least) / (1.0 - 2.0 * least)
    logit = bias + slope * np.log(above / (1.0 - above))
    return float(1.0 / (1.0 + np.exp(-logit)))
