"""How the blocks of tissue and engagement name what several of them use.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence

from krogh.errors import SpecError
from krogh.model.components import Parameter
from krogh.model.expression import Expression
from krogh.model.fields import as_measure, require_unit
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["FORMS", "forms_of", "fraction", "plasma_name", "ratio"]

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
    return _bounded(block, base, value, note, 1.0)


def ratio(block: Block, base: str, value: Value, note: str) -> str:
    """Define a dimensionless parameter of 0 or more if a value is given; return its name.

    Parameters
    ----------
    block, base, value, note
        As in `fraction`.

    Raises
    ------
    SpecError
        KG-108 for a negative value.
    UnitError
        KG-121 for a value with a dimension.
    """
    return _bounded(block, base, value, note, None)


def _bounded(block: Block, base: str, value: Value, note: str, upper: float | None) -> str:
    if value is None or isinstance(value, Expression | Parameter):
        return block.parameter(base, value, "", note)
    name = block.name(base)
    measure = as_measure(value, f"parameter {name!r}")
    require_unit(measure.unit, "", f"parameter {name!r}")
    return block.parameter(base, Parameter(name, measure, lower=0, upper=upper), "", note)


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
