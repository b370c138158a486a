"""How a block names its parts and takes the values of its parameters.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

from krogh.errors import SpecError
from krogh.model.components import Parameter, Rule
from krogh.model.expression import Expression
from krogh.model.fields import Component, as_measure, require_unit
from krogh.model.network import Model
from krogh.units import Quantity

__all__ = ["Block", "Value"]

Value = str | float | Quantity | Parameter | Expression | None
"""Value of a block's parameter.

Text with a unit (``"0.2 L/d"``), a number (dimensionless), a quantity, a `Parameter` (its value,
bounds and source are taken), or an `Expression` (``parse("CL_pop*exp(eta_CL)")``), which makes the
name a rule.  None leaves the name open: another block, a parameter or a rule defines it.
"""


class Block:
    """Collects the components of one block.

    Parameters
    ----------
    title
        Name of the model that results.
    drug
        Put behind every name (``Cp_tracer``), so that several drugs fit into one model.
    note
        What the block is; references as ``[key]`` of the citation file.
    """

    def __init__(self, title: str, drug: str = "", note: str = "") -> None:
        self.title = f"{title} of {drug}" if drug else title
        self.suffix = f"_{drug}" if drug else ""
        self.drug = drug
        self.note = note
        self.components: list[Component] = []

    def name(self, base: str) -> str:
        """Return the name of a part of this block."""
        return base + self.suffix

    def text(self, template: str, **names: str) -> str:
        """Return an expression with every ``{base}`` replaced by the block's own name of it."""

        class _Names(dict[str, str]):
            def __missing__(inner, base: str) -> str:
                return self.name(base)

        return template.format_map(_Names(names))

    def add(self, *components: Component) -> None:
        """Add components as they are."""
        self.components.extend(components)

    def parameter(self, base: str, value: Value, unit: str, note: str = "") -> str:
        """Define a parameter of this block if a value is given, and return its name.

        Parameters
        ----------
        base
            Name without the drug's suffix.
        value
            See `Value`.
        unit
            A unit of the needed dimension; empty for dimensionless.
        note
            What the parameter is.

        Raises
        ------
        UnitError
            KG-121 for another dimension, KG-124 for a number without its unit.
        SpecError
            KG-108 for a value that is not finite or, where a unit is given, negative.
        """
        name = self.name(base)
        if value is None:
            return name
        if isinstance(value, Expression):
            self.add(Rule(name, value, unit=unit, note=note))
        elif isinstance(value, Parameter):
            require_unit(value.unit, unit, f"parameter {name!r}")
            self.add(value.changed(name=name, note=value.note or note))
        else:
            quantity = as_measure(value, f"parameter {name!r}")
            require_unit(quantity.unit, unit, f"parameter {name!r}")
            self.add(Parameter(name, quantity, lower=0 if unit else None, note=note))
        return name

    def choice(self, value: Any, options: tuple[Any, ...], what: str) -> None:
        """Raise SpecError KG-108 unless `value` is one of the options."""
        if value not in options:
            listed = ", ".join(repr(o) for o in options)
            raise SpecError(f"KG-108: {what} of {self.title} is one of {listed}, not {value!r}.")

    def model(self) -> Model:
        """Return the block: a model that may use names that others define."""
        return Model(self.title, *self.components, note=self.note, partial=True)
