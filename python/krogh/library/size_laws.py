"""The values of a drug in a tumour; what its transport lacks follows from its size.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Final

from krogh.errors import SpecError
from krogh.library.drug_spec import Drug
from krogh.library.tumour_spec import Tumour
from krogh.library.values import Value, same_unit
from krogh.model import tissue
from krogh.units import Quantity, format_number

__all__ = ["transport_values"]

_SIZE_LAWS: Final = (
    "law of size: P and void fraction Schmidt and Wittrup 2009 [schmidt_wittrup_2009], diffusivity"
    " of particles an empirical fit without a stated source"
)


def transport_values(drug: Drug, place: Tumour) -> dict[str, Value]:
    """Return a drug's values in a tumour; what its transport lacks follows from its radius.

    Permeability and void fraction by Schmidt & Wittrup 2009 (doi 10.1158/1535-7163.MCT-09-0195),
    the diffusivity by an empirical fit; see `krogh.model.tissue.two_pore_permeability`,
    `void_fraction_of` and `nanoparticle_diffusivity`.

    Raises
    ------
    SpecError
        KG-147 for a particle that passes no pore.
    """
    values = {**drug.values, **place.drug_values(drug)}
    if "radius" not in values:
        return values
    radius = same_unit(values["radius"], "nm")
    size = Quantity(radius, "nm")
    laws: dict[str, tuple[Any, str]] = {
        "permeability": (lambda: tissue.two_pore_permeability(radius=size).to("um/s"), "um/s"),
        "void_fraction": (lambda: tissue.void_fraction_of(radius=size), ""),
        "diffusivity": (
            lambda: tissue.nanoparticle_diffusivity(Quantity(2.0 * radius, "nm")).to("um^2/s"),
            "um^2/s",
        ),
    }
    for name, (law, unit) in laws.items():
        if name in values:
            continue
        number = law()
        if not number > 0.0:
            raise SpecError(
                f"KG-147: a particle of radius {radius:g} nm passes no pore: its {name} would be 0."
                f"  Give it by drug.with_values({name}=...)."
            )
        values[name] = Value(
            value=f"{format_number(float(f'{number:.10g}'))} {unit}".strip(),
            range="not reported in the source read",
            source=_SIZE_LAWS,
            verified=False,
            note=f"by its radius of {radius:g} nm",
        )
    return values
