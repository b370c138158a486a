"""What results of studies have in common: the four-level table, in numbers, text and HTML.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

from krogh.errors import SpecError, did_you_mean
from krogh.provenance import Provenance
from krogh.study.levels import (
    LEVEL_NAMES,
    LevelSource,
    Row,
    level_rows,
    levels_table,
    table_text,
    time_position,
)
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.study.result import StudyResult
    from krogh.study.volume_result import TumourResult

__all__ = ["FourLevels"]


class FourLevels(ABC):
    """The table of a result that says of itself what `krogh.study.levels.LevelSource` asks."""

    if TYPE_CHECKING:
        _cache: dict[str, Any]

        @property
        def tissue(self) -> Collection[str]:
            """Names of the tissue's outputs."""

        @property
        def num_lines(self) -> int:
            """Number of lines; 1 in voxels."""

        @property
        def provenance(self) -> Provenance:
            """How the result came about."""

    @abstractmethod
    def _headline(self) -> str:
        """Return the line above the table."""

    @abstractmethod
    def _trust_lines(self) -> list[str]:
        """Return the lines below it: how far one may trust it."""

    @property
    def target_labels(self) -> tuple[str, ...]:
        """Labels of the targets whose occupancy is among the tissue's outputs."""
        prefix = "occupancy_"
        return tuple(n.removeprefix(prefix) for n in self.tissue if n.startswith(prefix))

    def rows(self, at: Any = None) -> tuple[Row, ...]:
        """Return the rows of the four-level table at a recorded time, by default the last."""
        source = cast("LevelSource", self)
        key = f"rows {time_position(source, at)}"
        if key not in self._cache:
            self._cache[key] = level_rows(source, at)
        found: tuple[Row, ...] = self._cache[key]
        return found

    def table(self, at: Any = None) -> ResultTable:
        """Return the four-level table as numbers; column ``key`` is what `value` takes."""
        return levels_table(self.rows(at), self.num_lines)

    def value(self, key: str, at: Any = None) -> float:
        """Return the number in the row with this key: ``result.value("depth:TDM1")``.

        Raises
        ------
        SpecError
            KG-118 for an unknown key.
        """
        rows = {row.key: row for row in self.rows(at)}
        if key not in rows:
            raise SpecError(
                f"KG-118: the table has no row {key!r}.{did_you_mean(key, rows)}"
                f"  Rows: {', '.join(rows)}."
            )
        return rows[key].value

    def differences(self) -> ResultTable:
        """Return this result beside its well-mixed comparator: shares of cells and means.

        Raises
        ------
        SpecError
            KG-118 where the comparator was not run.
        """
        from krogh.study.comparator import differences

        return differences(cast("StudyResult | TumourResult", self))

    def __str__(self) -> str:
        return "\n".join([self._headline(), table_text(self.rows()), *self._trust_lines()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in self._trust_lines())
        head = "".join(f"<th>{h}</th>" for h in ("level", "measure", "value", "target", "reached"))
        body, before = [], 0
        for row in self.rows():
            level = f"{row.level} {LEVEL_NAMES[row.level]}" if row.level != before else ""
            before = row.level
            cells = (level, row.measure, row.text, row.target or "-", row.reached_text)
            body.append("".join(f"<td>{html.escape(c)}</td>" for c in cells))
        rows = "".join(f"<tr>{cells}</tr>" for cells in body)
        return (
            f"<div><strong>{html.escape(self._headline())}</strong>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
            f"{lines}<br><small>{html.escape(str(self.provenance))}</small></div>"
        )
