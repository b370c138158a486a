"""Windows of time over which the solver takes exposure metrics.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.schedule import seconds_of

__all__ = ["TAIL_SHARE", "own_windows", "shared_windows", "with_tail"]

WHOLE: Final = "whole"
TAIL_SHARE: Final = 0.05
"""Share of the last window from which a terminal slope is taken where a model has no modes."""


def _intervals(times: NDArray[np.float64], end: float) -> NDArray[np.float64]:
    """Return dosing intervals, shape (k, 2): from each dose to the next, the last to the end."""
    starts = np.unique(times[times < end])
    if starts.size == 0:
        return np.zeros((0, 2))
    return np.column_stack([starts, np.append(starts[1:], end)])


def shared_windows(
    wanted: Any, dose_times: NDArray[np.float64], begin: float, end: float
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return windows in s, shape (num_windows, 2), and their labels.

    Parameters
    ----------
    wanted
        None: the first and the last dosing interval and the whole run.  ``"doses"``: every dosing
        interval and the whole run.  ``"whole"``: the whole run.  Else (begin, end) pairs with
        units, or a mapping of labels to such pairs.
    dose_times
        Times of all doses, s.
    begin, end
        Of the run, s.

    Raises
    ------
    SpecError
        KG-119 for a window that is none or does not end after it begins.
    """
    if wanted is None or wanted == "doses" or wanted == WHOLE:
        windows, labels = _chosen(wanted, dose_times, end)
        if not end > begin:
            return windows, tuple(labels)
        return np.vstack([windows, [[begin, end]]]), (*labels, WHOLE)
    return _given(wanted)


def _chosen(
    wanted: str | None, dose_times: NDArray[np.float64], end: float
) -> tuple[NDArray[np.float64], list[str]]:
    """Return dosing intervals and labels without the whole run."""
    none: NDArray[np.float64] = np.zeros((0, 2))
    if wanted == WHOLE:
        return none, []
    intervals = _intervals(dose_times, end)
    if wanted == "doses":
        return intervals, [f"dose {k + 1}" for k in range(len(intervals))]
    if len(intervals) < 2:
        return none, []
    return intervals[[0, -1]], ["first dose", "last dose"]


def _given(wanted: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    if isinstance(wanted, Mapping):
        pairs: Sequence[Any] = list(wanted.values())
        labels = tuple(str(name) for name in wanted)
    elif isinstance(wanted, Sequence) and not isinstance(wanted, str):
        pairs = list(wanted)
        if len(pairs) == 2 and all(isinstance(p, str) for p in pairs):
            pairs = [tuple(pairs)]
        labels = tuple(" .. ".join(map(str, p)) for p in pairs)
    else:
        raise SpecError(
            "KG-119: windows must be 'doses', 'whole', or pairs such as [('0 d', '21 d')], not"
            f" {wanted!r}."
        )
    rows = []
    for pair in pairs:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise SpecError(f"KG-119: a window is a pair of times with units, not {pair!r}.")
        begin, end = (seconds_of(value, "an edge of a window") for value in pair)
        if not end > begin:
            raise SpecError(f"KG-119: the window {pair!r} does not end after it begins.")
        rows.append((begin, end))
    if not rows:
        raise SpecError("KG-119: windows is empty; leave it out or use metrics=False.")
    return np.array(rows), labels


def own_windows(
    wanted: Any,
    who: NDArray[np.int64],
    dose_times: NDArray[np.float64],
    begins: NDArray[np.float64],
    ends: NDArray[np.float64],
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return windows of each subject's own, shape (num_subjects, num_windows, 2), NaN for none.

    Parameters
    ----------
    wanted
        As `shared_windows` takes it.
    who, dose_times
        Subject and time (s) of every dose.
    begins, ends
        First and last moment of every subject, s.
    """
    n = begins.size
    if wanted is not None and wanted not in ("doses", WHOLE):
        windows, labels = _given(wanted)
        return np.broadcast_to(windows, (n, *windows.shape)).copy(), labels
    order = np.lexsort((dose_times, who))
    who, time = who[order], dose_times[order]
    again = np.zeros(who.size, dtype=bool)
    again[1:] = (who[1:] == who[:-1]) & (time[1:] == time[:-1])
    keep = ~again & (time < ends[who])
    who, time = who[keep], time[keep]
    until = ends[who]
    same = who[1:] == who[:-1]
    until[:-1][same] = time[1:][same]
    edges = np.searchsorted(who, np.arange(n + 1))
    count = np.diff(edges)
    table = np.full((n, 0, 2), np.nan)
    if wanted == "doses":
        table = np.full((n, int(count.max(initial=0)), 2), np.nan)
        number = np.arange(who.size) - edges[who]
        table[who, number] = np.column_stack([time, until])
        named = [f"dose {k + 1}" for k in range(table.shape[1])]
    else:
        several = np.flatnonzero(count > 1) if wanted is None else np.zeros(0, dtype=np.int64)
        named = ["first dose", "last dose"] if several.size else []
        table = np.full((n, len(named), 2), np.nan)
        for k, row in enumerate((edges[several], edges[several + 1] - 1) if named else ()):
            table[several, k] = np.column_stack([time[row], until[row]])
    whole = np.stack([begins, ends], axis=-1)
    whole[~(ends > begins)] = np.nan
    return np.concatenate([table, whole[:, None, :]], axis=1), (*named, WHOLE)


def with_tail(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the windows with one more: the last twentieth of the latest-ending window.

    Of windows with one end the shortest counts, so a tail lies after the last dose.
    """
    if windows.shape[-2] == 0:
        return windows
    table = windows.reshape(-1, *windows.shape[-2:])
    end = np.nanmax(np.where(np.isnan(table[..., 1]), -np.inf, table[..., 1]), axis=1)
    is_last = table[..., 1] == end[:, None]
    begin = np.max(np.where(is_last, table[..., 0], -np.inf), axis=1)
    tail = np.stack([end - TAIL_SHARE * (end - begin), end], axis=-1)
    tail[~np.isfinite(end)] = np.nan
    joined = np.concatenate([table, tail[:, None, :]], axis=1)
    return joined.reshape(*windows.shape[:-2], -1, 2)
