"""Values of interstitial flow in tumors and in normal tissue, each with its source.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from krogh.errors import SpecError, did_you_mean

__all__ = ["NORMAL", "TUMOUR", "TissueFluid", "fluid_of"]


@dataclass(frozen=True)
class TissueFluid:
    """What decides over the fluid of a tissue; every value is a text with its unit.

    Attributes
    ----------
    hydraulic_conductivity
        K of the interstitium in Darcy's law ``u = -K grad p``.
    vascular_conductivity
        Lp of vessel walls.
    surface
        Of vessels per volume of tissue, S/V.
    vascular_pressure
        In the vessels.
    oncotic_vascular, oncotic_interstitial
        Oncotic pressures on both sides of the wall.
    reflection
        Osmotic reflection coefficient of the plasma's proteins, 0 to 1.
    lymph_conductance
        Fluid that lymphatics take away per volume, time and pressure above theirs.
    lymph_pressure
        Above which lymphatics drain.
    """

    hydraulic_conductivity: str
    vascular_conductivity: str
    surface: str
    vascular_pressure: str
    oncotic_vascular: str
    oncotic_interstitial: str
    reflection: str
    lymph_conductance: str
    lymph_pressure: str


TUMOUR: Final = TissueFluid(
    hydraulic_conductivity="4.13e-8 cm^2/(mmHg s)",
    vascular_conductivity="2.8e-7 cm/(mmHg s)",
    surface="200 1/cm",
    vascular_pressure="15.6 mmHg",
    oncotic_vascular="20 mmHg",
    oncotic_interstitial="15 mmHg",
    reflection="0.82",
    lymph_conductance="0 1/(mmHg s)",
    lymph_pressure="0 mmHg",
)
"""Tumor: Baxter & Jain 1989, Microvasc Res 37:77, doi 10.1016/0026-2862(89)90074-5, who leave out
lymphatics within tumors.  Conductivities, pressures and reflection agree in two public codes that
quote the paper; S/V (one of them) is unverified against it."""

NORMAL: Final = TissueFluid(
    hydraulic_conductivity="8.53e-9 cm^2/(mmHg s)",
    vascular_conductivity="3.6e-8 cm/(mmHg s)",
    surface="70 1/cm",
    vascular_pressure="15.6 mmHg",
    oncotic_vascular="20 mmHg",
    oncotic_interstitial="10 mmHg",
    reflection="0.91",
    lymph_conductance="1.33e-5 1/(mmHg s)",
    lymph_pressure="0 mmHg",
)
"""Normal tissue around it: the same source.  The conductance of lymphatics and S/V are those that
later models attribute to it; both are unverified against the paper."""

_BY_NAME: Final = {"tumour": TUMOUR, "tumor": TUMOUR, "normal": NORMAL}


def fluid_of(given: Any) -> TissueFluid:
    """Return the values of a name, or the values themselves.

    Raises
    ------
    SpecError
        KG-167 for another name, or something else.
    """
    if isinstance(given, TissueFluid):
        return given
    if isinstance(given, str) and given in _BY_NAME:
        return _BY_NAME[given]
    known = ("tumour", "normal")
    raise SpecError(
        f"KG-167: tissue is 'tumour', 'normal' or a krogh.interstitial.TissueFluid, not {given!r}."
        f"{did_you_mean(str(given), known)}"
    )
