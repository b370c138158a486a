"""A light table of named columns with units that prints well and exports.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import MissingExtra, SpecError, did_you_mean

__all__ = ["ResultTable", "require_extra"]

_ROWS_SHOWN: Final = 20


def require_extra(module: str, purpose: str, extra: str = "std") -> Any:
    """Return an optional module, or raise MissingExtra with the command that installs it.

    Raises
    ------
    MissingExtra
        KG-901.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        command = f'pip install "krogh[{extra}]"' if extra else f"pip install {package}"
        raise MissingExtra(f"KG-901: {purpose} needs {package} - run: {command}") from error


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "-" if np.isnan(value) else f"{value:.4g}"
    return str(value)


class ResultTable:
    """Immutable table: columns by name, all of one length, with an optional unit each.

    Parameters
    ----------
    columns
        Name to values, each of shape (num_rows,).
    units
        Name to unit; columns without one are left out.
    title
        Printed above the table.
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        units: Mapping[str, str] | None = None,
        title: str = "",
    ) -> None:
        arrays: dict[str, NDArray[Any]] = {}
        for name, values in columns.items():
            array = np.array(values)
            array.flags.writeable = False
            arrays[name] = array
        if len({array.shape for array in arrays.values()}) > 1:
            raise SpecError("KG-118: the columns of a table must have the same length.")
        self._columns = MappingProxyType(arrays)
        self._units = MappingProxyType(dict(units or {}))
        self.title = title

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """Columns by name."""
        return self._columns

    @property
    def units(self) -> Mapping[str, str]:
        """Units by column name."""
        return self._units

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            raise SpecError(
                f"KG-118: the table has no column {name!r}.{did_you_mean(name, self._columns)}"
                f"\n  Columns: {', '.join(self._columns)}."
            )
        return self._columns[name]

    def __reduce__(self) -> tuple[Any, ...]:
        return ResultTable, (dict(self._columns), dict(self._units), self.title)

    def __len__(self) -> int:
        return next((array.shape[0] for array in self._columns.values()), 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows as dictionaries."""
        for i in range(len(self)):
            yield {name: array[i] for name, array in self._columns.items()}

    def where(self, **equal: Any) -> ResultTable:
        """Return the rows whose columns have the given values: ``table.where(output="Cp")``."""
        keep = np.ones(len(self), dtype=bool)
        for name, value in equal.items():
            keep &= self[name] == value
        return self._pick(np.flatnonzero(keep))

    def _pick(self, rows: NDArray[np.int64]) -> ResultTable:
        return ResultTable(
            {name: array[rows] for name, array in self._columns.items()}, self._units, self.title
        )

    def header(self, name: str) -> str:
        """Return the name of a column with its unit."""
        return f"{name} [{self._units[name]}]" if self._units.get(name) else name

    def _shown(self) -> tuple[list[str], list[list[str]], int]:
        size = len(self)
        if size <= _ROWS_SHOWN:
            order = list(range(size))
        else:
            half = _ROWS_SHOWN // 2
            order = [*range(half), *range(size - half, size)]
        head = [self.header(name) for name in self._columns]
        body = [[_text(array[i]) for array in self._columns.values()] for i in order]
        return head, body, size - len(order)

    def __str__(self) -> str:
        head, body, hidden = self._shown()
        widths = [max(len(row[k]) for row in [head, *body]) for k in range(len(head))]
        is_text = [array.dtype.kind in "OUS" for array in self._columns.values()]

        def line(cells: list[str]) -> str:
            pairs = zip(cells, widths, is_text, strict=True)
            return "  ".join(c.ljust(w) if t else c.rjust(w) for c, w, t in pairs).rstrip()

        lines = [line(head), *(line(row) for row in body)]
        if hidden:
            lines.insert(1 + _ROWS_SHOWN // 2, f"... {hidden:,} more rows ...")
        if self.title:
            lines.insert(0, self.title)
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, body, hidden = self._shown()
        cells = "".join(f"<th>{html.escape(c)}</th>" for c in head)
        lines = ["".join(f"<td>{html.escape(c)}</td>" for c in row) for row in body]
        rows = [f"<tr>{line}</tr>" for line in lines]
        if hidden:
            gap = f'<tr><td colspan="{len(head)}">&hellip; {hidden:,} more rows &hellip;</td></tr>'
            rows.insert(_ROWS_SHOWN // 2, gap)
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        return (
            f"<table>{caption}<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )

    def to_frame(self) -> Any:
        """Return a pandas DataFrame; units are in ``frame.attrs["units"]``."""
        pandas = require_extra("pandas", "a data frame")
        frame = pandas.DataFrame(dict(self._columns))
        frame.attrs["units"] = dict(self._units)
        return frame

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the table as CSV text, units in the header, and write it where a path is given.

        Numbers are written so that they read back exactly.
        """
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([self.header(name) for name in self._columns])
        writer.writerows(zip(*(a.tolist() for a in self._columns.values()), strict=True))
        if path is not None:
            Path(path).write_text(buffer.getvalue(), encoding="utf-8")
        return buffer.getvalue()
