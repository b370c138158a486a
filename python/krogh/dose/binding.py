"""A target bound to a model: which output it is about, and its value in that output's unit.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from krogh.dose.measures import OUTPUT, Measure
from krogh.dose.readings import Names
from krogh.dose.target import Target
from krogh.errors import InvalidInput, SpecError, UnitError, did_you_mean
from krogh.units import convert, convert_amount, describe, dimension

__all__ = ["Bound", "bind"]

_CODE = "KG-153"


@dataclass(frozen=True)
class Bound:
    """A target and where its numbers come from.

    Attributes
    ----------
    target
        The target.
    output
        Name of the output.
    place
        ``"plasma"``, ``"cells"`` or ``"depth"``.
    label
        Of the drug or target; empty where there is none.
    scale
        The unit of the target's value in that of the output (times seconds for an area, seconds
        for a time, um for a depth): attained = output's number / scale.
    above
        Threshold of ``plasma time above`` in the output's unit.
    weighs_viable
        Whether cells count by their viable fraction, and the model has it.
    """

    target: Target
    output: str
    place: str
    label: str
    scale: float
    above: float | None
    weighs_viable: bool

    @property
    def threshold(self) -> float:
        """The target's value in the unit of the output."""
        return self.target.value.value * self.scale

    @property
    def outputs(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Outputs of the plasma and of the tissue that an evaluation reads."""
        if self.place == "plasma":
            return (self.output,), ()
        return (), (self.output, "viable") if self.weighs_viable else (self.output,)


def bind(target: Target, names: Names) -> Bound:
    """Return a target bound to the outputs of a model.

    Raises
    ------
    SpecError
        KG-153 if there is no such output, or several and the target names none.
    UnitError
        KG-121 if the value cannot be compared with the output, KG-122 without the molar mass that
        this needs.
    """
    measure = target.about
    if measure is OUTPUT:
        output, place, label = _output(target, names)
        measure_unit = (names.plasma if place == "plasma" else names.tissue)[output]
    else:
        output, label = _labeled(target, measure, names)
        place = measure.place
        measure_unit = (names.plasma if place == "plasma" else names.tissue)[output]
    if place == "cells" and target.cells is None and target.statistic is None:
        raise SpecError(
            f"{_CODE}: target '{target}': {output!r} has a value in every cell.\n"
            "  Say in how many ('in 90 % of viable cells', 'in all cells'), or 'mean output"
            f" {output}'."
        )
    if place == "plasma" and (target.cells is not None or target.statistic is not None):
        raise SpecError(
            f"{_CODE}: target '{target}': {output!r} is an output of the plasma and has no cells."
        )
    scale = _scale(target, target.value.unit, measure_unit, label, names)
    above = None
    if target.above is not None:
        above = target.above.value * _compared(
            target, target.above.unit, measure_unit, label, names
        )
    viable = target.cells is not None and target.cells.viable and "viable" in names.tissue
    return Bound(target, output, place, label, scale, above, viable)


def _output(target: Target, names: Names) -> tuple[str, str, str]:
    name = target.of or ""
    if name in names.tissue:
        return name, "cells", ""
    if name in names.plasma:
        return name, "plasma", ""
    known = [*names.plasma, *names.tissue]
    raise SpecError(
        f"{_CODE}: target '{target}': no output {name!r}.{did_you_mean(name, known)}\n"
        f"  Outputs of the plasma: {_list(names.plasma)}.  Of the tissue: {_list(names.tissue)}."
    )


def _list(names: Mapping[str, str]) -> str:
    return ", ".join(names) or "none"


def _candidates(measure: Measure, names: Names) -> dict[str, str]:
    """Return the outputs that carry a measure, label to name."""
    known = names.plasma if measure.place == "plasma" else names.tissue
    if measure.labeled is None:
        return {"": measure.prefix} if measure.prefix in known else {}
    prefixes = (measure.prefix, "free_") if measure.place == "depth" else (measure.prefix,)
    for prefix in prefixes:
        found = {n.removeprefix(prefix): n for n in known if n.startswith(prefix)}
        if prefix.rstrip("_") in known:
            found[""] = prefix.rstrip("_")
        if found:  # payload_free_X is a part of payload_X, not the payload of another drug
            return {
                label: name
                for label, name in found.items()
                if not any(label.endswith(f"_{other}") for other in found if other)
            }
    return {}


def _labeled(target: Target, measure: Measure, names: Names) -> tuple[str, str]:
    found = _candidates(measure, names)
    where = "plasma" if measure.place == "plasma" else "tissue"
    if not found:
        known = names.plasma if where == "plasma" else names.tissue
        label = f"<{measure.labeled}>" if measure.labeled else ""
        raise SpecError(
            f"{_CODE}: target '{target}': the {where} has no output '{measure.prefix}{label}', so"
            f" nothing says what {measure.word} is.\n  Outputs of the {where}: {_list(known)}."
        )
    shown = [names.shown(label) for label in found if label]
    if target.of is not None:
        chosen = [label for label in found if label and names.is_called(label, target.of)]
        if len(chosen) != 1:
            raise SpecError(
                f"{_CODE}: target '{target}': no {measure.labeled} {target.of!r} has"
                f" {measure.word}.{did_you_mean(target.of, shown)}\n"
                f"  There is: {', '.join(shown) or 'one without a name; leave the name out'}."
            )
        return found[chosen[0]], chosen[0]
    meant = [label for label in found if label in names.aliases]  # not what a drug turns into
    if names.default is not None and names.default in found:
        meant = [names.default]
    if len(found) > 1 and len(meant) == 1:
        return found[meant[0]], meant[0]
    if len(found) > 1:
        raise SpecError(
            f"{_CODE}: target '{target}': which {measure.labeled}?  Write '{measure.word} of"
            f" {shown[0]}'; there are {', '.join(shown)}."
        )
    label, output = next(iter(found.items()))
    return output, label


def _scale(target: Target, given: str, unit: str, label: str, names: Names) -> float:
    """Return one unit of the target in the unit in which the evaluation works."""
    if target.measure == "penetration depth":
        return convert(1.0, given, "um")
    if target.measure == "plasma time":
        return convert(1.0, given, "s")
    if target.measure == "plasma AUC":
        plain = "nM" if dimension(given) == dimension("nM s") else "mg/L"
        area = convert(1.0, given, f"{plain}*s" if plain == "nM" else "mg*s/L")
        return area * _compared(target, plain, unit, label, names)
    return _compared(target, given, unit, label, names)


def _compared(target: Target, given: str, unit: str, label: str, names: Names) -> float:
    """Return one `given` in the output's `unit`."""
    mass = names.molar_mass.get(label)
    if target.about.prefix in ("uptake_", "payload_") and not dimension(unit).is_dimensionless:
        given = "molecules/cell"
    try:
        return convert_amount(1.0, given, unit or "1", molar_mass=mass)
    except InvalidInput as error:
        if error.code == "KG-122":
            drug = names.shown(label) if label else "the drug"
            raise UnitError(
                f"KG-122: target '{target}': {given!r} and {unit!r} (the unit of the output) differ"
                f" by mass against amount, and the molar mass of {drug} is not known.\n"
                f"  Give it (molar_mass='148 kDa'), or write the value in {unit!r}."
            ) from None
        raise UnitError(
            f"KG-121: target '{target}': the value is {describe(given)}, but the output has the"
            f" unit {unit!r}: {describe(unit or '1')}."
        ) from None
