"""A cohort of any size that is dosed as the subjects of a table are, in turn.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np

from krogh.dosing.event_table import EventTable
from krogh.dosing.reading import Parts
from krogh.errors import DataError

__all__ = ["in_turn"]


def in_turn(table: EventTable, num_subjects: int) -> EventTable:
    """Return a table of subjects 1 .. n, who have the rows of the table's subjects in turn.

    Subject k has doses, observations and covariates of the table's subject number
    ``(k - 1) % table.num_subjects + 1``: the design of a trial, with as many patients as wanted.

    Parameters
    ----------
    table
        The table whose subjects are taken in turn.
    num_subjects
        Size of the cohort, at least 1.

    Raises
    ------
    DataError
        KG-206 if `num_subjects` is not a positive whole number.
    """
    if isinstance(num_subjects, bool) or not isinstance(num_subjects, int) or num_subjects < 1:
        raise DataError(f"KG-206: the cohort has at least 1 subject, not {num_subjects!r}.")
    sizes = np.diff(table.offsets)
    chosen = np.arange(num_subjects) % table.num_subjects
    lengths = sizes[chosen]
    ends = np.cumsum(lengths)
    # Position within the subject, counted along all rows at once.
    within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    rows = np.repeat(table.offsets[:-1][chosen], lengths) + within
    columns = {name: column[rows] for name, column in table.columns.items()}
    columns["ID"] = np.repeat(np.arange(1, num_subjects + 1), lengths)
    return EventTable(
        Parts(
            table.source,
            columns,
            {name: column[rows] for name, column in table.covariates.items()},
            {name: column[rows] for name, column in table.other.items()},
            table.units,
            table.categories,
            table.rows[rows],
            np.concatenate([[0], ends]).astype(np.int64),
            table.ignored,
            table.interpolation,
            table.num_dropped,
        )
    )
