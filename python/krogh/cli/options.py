"""Reading of what is written on the command line: pairs, dosing, models.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from krogh.errors import SpecError, UnitError, did_you_mean

__all__ = ["dosing_from", "model_from", "pairs_from", "rows_where"]

_TABLE_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".dat")


def pairs_from(texts: Sequence[str], option: str, example: str) -> dict[str, str]:
    """Return the pairs of ``NAME=VALUE,NAME=VALUE`` as a dictionary.

    Parameters
    ----------
    texts
        What was written, once or several times.
    option
        Name of the option, for messages.
    example
        What a right one looks like.

    Raises
    ------
    SpecError
        KG-132 for text without an equals sign, without a name or value, or a name given twice.
    """
    pairs: dict[str, str] = {}
    for item in (part for text in texts for part in _split(text)):
        name, equals, value = (piece.strip() for piece in item.partition("="))
        if not (name and equals and value):
            raise SpecError(
                f"KG-132: {option} {item!r} is not NAME=VALUE; write {option} {example}."
            )
        if name in pairs:
            raise SpecError(f"KG-132: {option} gives {name} twice, {pairs[name]!r} and {value!r}.")
        pairs[name] = value
    return pairs


def _split(text: str) -> list[str]:
    """Split at commas that stand outside of parentheses and brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def dosing_from(text: str, units: dict[str, str], covariates: dict[str, str]) -> Any:
    """Return the event table of a file or of a data set that comes along, or a regimen.

    Parameters
    ----------
    text
        Path of a CSV file, a name of `krogh.data.names`, or a dosing sentence.
    units, covariates
        Units of the columns of a table; what the file says itself need not be repeated.

    Raises
    ------
    SpecError
        KG-132 for a file that is not there, or for column units beside a sentence.
    DataError
        As `EventTable.read` and `Regimen` raise it.
    """
    from krogh import data
    from krogh.dosing import EventTable, Regimen

    path = Path(text)
    if text in data.names():
        path = data.path(text)
    elif path.suffix.lower() in _TABLE_SUFFIXES and not path.is_file():
        there = [p.name for p in path.parent.glob("*.*")] if path.parent.is_dir() else []
        raise SpecError(
            f"KG-132: there is no file {text!r}.{did_you_mean(path.name, there)}\n"
            f"  Give a CSV file, one of the data sets ({', '.join(data.names())}), or a sentence"
            ' such as "6 mg/kg over 30 min every 3 weeks x 6".'
        )
    if path.is_file():
        try:
            return EventTable.read(path, units=units or None, covariates=covariates or None)
        except UnitError as error:
            if error.code != "KG-126":
                raise
            hint = "--units TIME=h,AMT=mg,DV=mg/L (and --covariates WT=kg)"
            raise UnitError(f"{error}\n  On the command line: {hint}.", error.code) from None
    if units or covariates:
        raise SpecError(
            "KG-132: --units and --covariates describe the columns of a table; in a dosing"
            " sentence every number carries its unit."
        )
    return Regimen(text)


def model_from(text: str) -> Any:
    """Return a model of the library, or one saved as a document (.json) or library file (.toml)."""
    from krogh import library
    from krogh.model import Model

    path = Path(text)
    if path.suffix == ".json":
        return Model.load(path)
    if path.suffix == ".toml":
        return library.load_file(path)
    return library.model(text)


def rows_where(table: Any, conditions: dict[str, str]) -> Any:
    """Return the rows of an event table whose columns have the given values.

    Raises
    ------
    SpecError
        KG-132 for an unknown column, or if no row is left.
    """
    import numpy as np

    columns = {**table.other, **table.covariates, **table.columns}
    keep = np.ones(len(table), dtype=bool)
    for name, value in conditions.items():
        if name not in columns:
            raise SpecError(
                f"KG-132: --where: the table has no column {name!r}."
                f"{did_you_mean(name, columns)}  Columns: {', '.join(columns)}."
            )
        column = np.asarray(columns[name])
        if np.issubdtype(column.dtype, np.number) and _is_number(value):
            keep &= column == float(value)
        else:
            keep &= np.array([_text(cell) == value for cell in column], dtype=bool)
    if not keep.any():
        wanted = ", ".join(f"{name}={value}" for name, value in conditions.items())
        raise SpecError(f"KG-132: --where {wanted} leaves no row of the table.")
    return table.picked(np.flatnonzero(keep))


def _text(cell: Any) -> str:
    return cell.decode() if isinstance(cell, bytes) else str(cell)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
