"""Nanoparticles by size, and carriers that release a drug.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from krogh.errors import SpecError
from krogh.model.components import Parameter, Rate, Reaction
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value
from krogh.model.tissue.extravasation import free_drug
from krogh.model.tissue.measures import measured
from krogh.model.tissue.naming import ratio
from krogh.model.tissue.size import (
    nanoparticle_diffusivity,
    two_pore_permeability,
    void_fraction_of,
)
from krogh.units import Quantity

__all__ = ["carrier_release", "nanoparticle"]

_SIZE = "two-pore law of Schmidt & Wittrup 2009, doi 10.1158/1535-7163.MCT-09-0195"
_FIT = "empirical fit of nanoparticle_diffusivity"


def nanoparticle(
    drug: str,
    diameter: Any,
    *,
    plasma: str | None = "Cp",
    diffusivity: Value = None,
    void_fraction: Value = None,
    permeability: Value = None,
    free_in_plasma: Value = 1.0,
    retardation: str = "1",
) -> Model:
    """Return a nanoparticle (liposome, micelle) in the interstitium, its transport by its size.

    `krogh.model.tissue.free_drug` with the permeability of `two_pore_permeability`, the void
    fraction of `void_fraction_of` and the diffusivity of `nanoparticle_diffusivity` wherever none
    is given; such parameters are marked as not verified.

    Parameters
    ----------
    drug
        Label of the particle.
    diameter
        ``"100 nm"``.
    plasma, diffusivity, void_fraction, permeability, free_in_plasma, retardation
        As in `free_drug`.

    Raises
    ------
    SpecError
        KG-108 for a diameter that is not positive or so large that no pore admits it.
    UnitError
        KG-121 for a value of another dimension.
    """
    d = measured(diameter, "nm", "diameter")
    radius = Quantity(0.5 * d, "nm")
    by_size = {
        "diffusivity": (diffusivity, nanoparticle_diffusivity(diameter), _FIT),
        "void_fraction": (void_fraction, Quantity(void_fraction_of(radius=radius), ""), _SIZE),
        "permeability": (permeability, two_pore_permeability(radius=radius), _SIZE),
    }
    values: dict[str, Any] = {}
    for name, (given, found, source) in by_size.items():
        if given is not None:
            values[name] = given
            continue
        if not found.value > 0.0:
            raise SpecError(
                f"KG-108: a particle of {d:g} nm passes no pore, its {name.replace('_', ' ')} would"
                " be 0.  Give the value if it is known."
            )
        values[name] = Parameter(name, found, lower=0, source=source, verified=False)
    return free_drug(
        drug,
        plasma=plasma,
        free_in_plasma=free_in_plasma,
        retardation=retardation,
        **values,
    )


def carrier_release(
    carrier: str,
    drug: str,
    *,
    release_rate: Value = None,
    load: Value = None,
    forms: Sequence[Literal["F", "B", "I", "K"]] = ("F",),
    inside: Literal["F", "C"] = "C",
) -> Model:
    r"""Return the release of a drug from a carrier in the tissue.

    .. math:: \dot F_{carrier} = \dots - k_r F_{carrier}, \qquad
              \dot F_{drug} = \dots + n k_r F_{carrier}

    The carrier's species count loaded particles.  From carriers in cells (I, K) the drug appears in
    the form `inside`.

    Parameters
    ----------
    carrier, drug
        Labels of the particle and of the drug it holds.
    release_rate
        :math:`k_r`, 1/time; ``release_rate_<carrier>``.
    load
        n, molecules of drug per particle; ``load_<carrier>``.
    forms
        Forms of the carrier that release.
    inside
        Where drug from internalized carriers appears: F (outside cells) or C (in cells).

    Raises
    ------
    SpecError
        KG-101 for no form or equal labels.
    UnitError
        KG-121 for a value of another dimension.
    """
    if not forms or carrier == drug:
        raise SpecError(
            f"KG-101: carrier_release({carrier!r}, {drug!r}) needs two different labels and at"
            " least one form."
        )
    block = Block("release from carriers", carrier, "release from carriers in the tissue")
    k = block.parameter("release_rate", release_rate, "1/h", f"release of {drug}")
    n = ratio(block, "load", load, f"molecules of {drug} per particle")
    for form in forms:
        source = block.name(form)
        place = inside if form in ("I", "K") else "F"
        block.add(
            Reaction(f"{source} ->", f"{k}*{source}", name=f"release_{source}"),
            Rate(f"{place}_{drug}", f"{n}*{k}*{source}", name=f"release_{source}"),
        )
    return block.model()
