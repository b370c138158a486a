"""Names in expressions: unknown ones, and definitions in the order of use.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from krogh.errors import SpecError, did_you_mean, underline
from krogh.model.components import DoseInput
from krogh.model.expression import Expression, symbols_of
from krogh.model.parts import Parts
from krogh.model.vocabulary import FUNCTIONS, other_spelling

__all__ = [
    "dose_expressions",
    "marked",
    "sorted_by_use",
    "unknown_function",
    "unknown_symbol",
]


def dose_expressions(dose: DoseInput) -> list[tuple[str, Expression]]:
    """Return the expressions of a dose input that are set, with their names."""
    found: list[tuple[str, Expression | None]] = [
        ("bioavailability", dose.bioavailability),
        ("lag", dose.lag),
        ("duration", dose.duration),
        ("rate", dose.rate),
        ("input function", dose.input_function),
    ]
    return [(what, expression) for what, expression in found if expression is not None]


def marked(expression: Expression, name: str) -> str:
    """Return the text of an expression with a name in it underlined."""
    text = str(expression)
    match = re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text)
    if match is None:
        return f"  {text[:100]}"
    return underline(text, match.start(), match.end())


def unknown_symbol(
    name: str, expression: Expression, where: str, known: Iterable[str], parts: Parts
) -> SpecError:
    """Return the error for a name that the model does not define."""
    candidates = list(known)
    if name in parts.compartments:
        volume = parts.compartments[name].volume
        hint = f"  It is a compartment; its volume is '{volume}'."
    elif name in parts.tables:
        hint = f"  It is a table and needs an argument: {name}(t)."
    elif name in FUNCTIONS:
        hint = f"  It is a function and needs arguments: {name}(...)."
    elif name in ("tad", "dose"):
        hint = "  It exists only in the input_function of a DoseInput."
    else:
        hint = other_spelling(name) or did_you_mean(name, candidates)
    return SpecError(f"KG-103: {where}: {name!r} is unknown.{hint}\n{marked(expression, name)}")


def unknown_function(name: str, expression: Expression, where: str, parts: Parts) -> SpecError:
    """Return the error for a call of something that is neither function nor table."""
    hint = other_spelling(name) or did_you_mean(name, [*FUNCTIONS, *parts.tables])
    if parts.kind_of(name) is not None:
        hint = f"  {name!r} is a {parts.kind_of(name)}; write * to multiply."
    return SpecError(
        f"KG-107: {where}: {name!r} is neither a function nor a table.{hint}\n"
        f"{marked(expression, name)}"
    )


def sorted_by_use(definitions: Mapping[str, Expression], what: str) -> tuple[str, ...]:
    """Return the names so that each follows those that its expression uses.

    Raises
    ------
    SpecError
        KG-110, with the circle, where there is one.
    """
    uses = {
        name: [n for n in symbols_of(expression) if n in definitions]
        for name, expression in definitions.items()
    }
    order: list[str] = []
    state: dict[str, int] = {}
    for root in definitions:
        stack = [(root, 0)]
        while stack:
            name, position = stack.pop()
            if position == 0:
                if state.get(name) == 2:
                    continue
                state[name] = 1
            for i in range(position, len(uses[name])):
                below = uses[name][i]
                if state.get(below) == 1:
                    path = [n for n, _ in stack if state.get(n) == 1] + [name]
                    circle = [*path[path.index(below) :], below]
                    raise SpecError(
                        f"KG-110: {what} are circular: {' -> '.join(circle)}.\n"
                        + "\n".join(f"    {n} = {definitions[n]}" for n in circle[:-1][:6])
                    )
                if state.get(below) != 2:
                    stack.append((name, i + 1))
                    stack.append((below, 0))
                    break
            else:
                state[name] = 2
                order.append(name)
    return tuple(order)
