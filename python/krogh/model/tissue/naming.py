"""How the blocks of tissue and engagement name what several of them use.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence

from krogh.errors import SpecError
from krogh.model.components import Parameter
from krogh.model.expression import Expression
from krogh.model.fields import as_measure
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["FORMS", "fraction", "forms_of", "plasma_name"]

FORMS = ("F", "N", "A", "B", "I", "L", "G", "C", "K", "Y")
"""First letters of the species that hold a drug.

F free (mobile), N bound in the tissue, A bound to mobile protein, B bound to the surface target,
I internalized, L in lysosomes, G degraded, C in cells (small molecules), K in macrophages,
Y bound to soluble target.
"""


def fraction(block: Block, base: str, value: Value, note: str) -> str:
    """Define a dimensionless parameter between 0 and 1 if a value is given; return its name.

    Parameters
    ----------
    block
        The block that holds it.
    base
        Name without the suffix of the drug.
    value
        See `krogh.model.systemic.block.Value`.
    note
        What the parameter is.

    Raises
    ------
    SpecError
        KG-108 for a value outside 0 .. 1.
    UnitError
        KG-121 for a value with a dimension.
    """
    if value is None or isinstance(value, Expression | Parameter):
        return block.parameter(base, value, "", note)
    measure = as_measure(value, f"parameter {block.name(base)!r}")
    return block.parameter(base, Parameter(block.name(base), measure, lower=0, upper=1), "", note)


def plasma_name(block: Block, plasma: str | None) -> str | None:
    """Return the name of the plasma concentration: ``"Cp"`` stands for ``Cp_<drug>``."""
    return block.name("Cp") if plasma == "Cp" else plasma


def forms_of(drug: str, forms: Sequence[str] | Model, without: Sequence[str] = ()) -> list[str]:
    """Return the species that hold a drug.

    Parameters
    ----------
    drug
        Label of the drug.
    forms
        First letters of the species (see `FORMS`), or a model whose species of that drug count.
    without
        Letters that do not count.

    Raises
    ------
    SpecError
        KG-101 for no form, KG-103 for an unknown one.
    """
    suffix = f"_{drug}" if drug else ""
    if isinstance(forms, Model):
        letters = [f for f in FORMS if f + suffix in forms.species]
    else:
        letters = list(dict.fromkeys(forms))
        for letter in letters:
            if letter not in FORMS:
                raise SpecError(
                    f"KG-103: {letter!r} is no form of a drug; the forms are {', '.join(FORMS)}."
                )
    names = [f + suffix for f in letters if f not in without]
    if not names:
        raise SpecError(f"KG-101: no form of the drug {drug!r} is left to count.")
    return names
