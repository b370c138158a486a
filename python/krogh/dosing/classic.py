"""Classic RxODE event codes (EVID 101, 10101, ...) to NONMEM records.

SPDX-License-Identifier: BSD-3-Clause

A classic code of a dose is ``100000 c2 + 10000 flag + 100 c1 + kind`` for compartment
``100 c2 + c1``:

=====  ==============================================  ==========================================
flag   meaning                                         becomes
=====  ==============================================  ==========================================
0      bolus of AMT                                    EVID 1
1      AMT is a rate; the same code with -AMT ends it  EVID 1 with AMT = rate x time, RATE
2      the same, the duration stands                   EVID 1 with AMT = rate x time, DUR
4, 5   replace or multiply the state                   error KG-220: krogh has no such event
6, 7   end of an infusion with modeled time or rate    EVID 2 (its start says it all)
8      the model gives the duration                    EVID 1 with RATE -2
9      the model gives the rate                        EVID 1 with RATE -1
=====  ==============================================  ==========================================

``kind`` 1 is a plain dose, 9 and 10 a steady state (SS 1), 19, 20 and 21 an added steady state
(SS 2), 30 turns the compartment off, 40 is a constant infusion at its steady state; 0, 2 and 3
keep NONMEM's meaning.  Other kinds are internal to RxODE and an error.  Where a code names the
compartment, a CMT column is not used for that row.

Source of the code's meaning: rxode2 documentation, "rxode2 event types: classic EVID"
(W. Wang, K.M. Hallow, D.A. James, CPT Pharmacometrics Syst. Pharmacol. 5 (2016) 3,
doi:10.1002/psp4.12052, is the program's paper).
"""

from __future__ import annotations

import logging
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.columns import Place

__all__ = ["decode", "is_classic"]

Columns = dict[str, NDArray[np.float64]]

_STEADY: Final = {1: 0, 9: 1, 10: 1, 19: 2, 20: 2, 21: 2}
_LOG = logging.getLogger("krogh")


def is_classic(evid: NDArray[np.int64]) -> bool:
    """Return whether the codes are classic: one of them is above 100."""
    return bool((evid > 100).any())


def decode(columns: Columns, place: Place, starts: NDArray[np.int64]) -> None:
    """Replace classic codes by NONMEM's, in place.

    Parameters
    ----------
    columns
        Columns ``EVID, AMT, RATE, DUR, II, ADDL, SS, CMT, TIME``, each of shape (num_rows,).
    place
        For messages.
    starts
        Whether a row is the first of its subject, as a running number, shape (num_rows,).

    Raises
    ------
    DataError
        KG-220 for a code that is not supported, or an infusion without start or end.
    """
    code = columns["EVID"].astype(np.int64)
    place.require(
        (code > 100) | np.isin(code, (0, 2, 3)),
        "KG-220",
        "EVID {code} among classic RxODE codes (above 100) is none of them.",
        "Use classic codes or NONMEM's 0 to 4, not both.",
        code=code,
    )
    place.require(
        code < 10_000_000, "KG-220", "EVID {code} is too large for a classic code.", code=code
    )
    is_event = code > 100
    compartment = (code // 100_000) * 100 + (code // 100) % 100
    flag = np.where(is_event, (code // 10_000) % 10, 0)
    kind = np.where(is_event, code % 100, 1)
    place.require(
        ~np.isin(flag, (4, 5)),
        "KG-220",
        "EVID {code} replaces or multiplies a state; krogh has no such event.",
        "Express it as a dose or in the model (an Event).",
        code=code,
    )
    place.require(flag != 3, "KG-220", "EVID {code}: the flag 3 has no meaning.", code=code)
    place.require(
        np.isin(kind, (*_STEADY, 30, 40)) | np.isin(flag, (6, 7)),
        "KG-220",
        "EVID {code}: the last two digits are internal to RxODE and no event of a data set.",
        code=code,
    )
    place.require(
        ~is_event | (compartment > 0), "KG-220", "EVID {code} names compartment 0.", code=code
    )
    place.require(
        ~is_event | ((columns["RATE"] == 0) & (columns["DUR"] == 0)),
        "KG-220",
        "EVID {code} is a classic code, which holds the kind of infusion, but RATE or DUR is given"
        " too.",
        code=code,
    )
    other = is_event & (columns["CMT"] != 0) & (columns["CMT"] != compartment)
    if other.any():
        _LOG.warning(
            "%s: CMT differs from the compartment in the classic EVID in %d rows; EVID is used",
            place.source,
            int(other.sum()),
        )
    columns["CMT"] = np.where(is_event, compartment, columns["CMT"]).astype(np.float64)
    for value, steady in _STEADY.items():
        if steady:
            columns["SS"][is_event & (kind == value)] = steady
    columns["RATE"][flag == 8] = -2.0
    columns["RATE"][flag == 9] = -1.0
    evid = np.where(is_event, 1, code)
    _turn_off(columns, evid, is_event & (kind == 30))
    _forget(columns, evid, np.isin(flag, (6, 7)))
    _constant(columns, place, evid, is_event & (kind == 40))
    _pair(columns, place, evid, code, flag, kind, starts)
    columns["EVID"] = evid.astype(np.float64)


def _turn_off(columns: Columns, evid: NDArray[np.int64], rows: NDArray[np.bool_]) -> None:
    columns["CMT"][rows] *= -1
    _forget(columns, evid, rows)


def _forget(columns: Columns, evid: NDArray[np.int64], rows: NDArray[np.bool_]) -> None:
    """Make rows plain records (EVID 2), which keep their covariates."""
    evid[rows] = 2
    for name in ("AMT", "RATE", "DUR", "II", "ADDL", "SS"):
        columns[name][rows] = 0.0


def _constant(
    columns: Columns, place: Place, evid: NDArray[np.int64], rows: NDArray[np.bool_]
) -> None:
    """Read constant infusions: AMT is the rate, and AMT 0 ends one, which NONMEM implies."""
    amount = columns["AMT"]
    place.require(~rows | (amount >= 0), "KG-220", "AMT = {amt} is a negative rate.", amt=amount)
    running = rows & (amount > 0)
    columns["RATE"][running] = amount[running]
    columns["SS"][running] = 1.0
    columns["AMT"][running] = 0.0
    _forget(columns, evid, rows & ~running & (columns["SS"] == 0))


def _pair(
    columns: Columns,
    place: Place,
    evid: NDArray[np.int64],
    code: NDArray[np.int64],
    flag: NDArray[np.int64],
    kind: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> None:
    """Join the start and the end of each infusion."""
    amount, time = columns["AMT"].copy(), columns["TIME"]
    waiting: dict[tuple[int, int, float], list[int]] = {}
    ended: list[int] = []
    for i in np.flatnonzero(np.isin(flag, (1, 2)) & ~np.isin(kind, (30, 40))).tolist():
        key = (int(starts[i]), int(code[i]) // 100, abs(float(amount[i])))
        if amount[i] > 0:
            waiting.setdefault(key, []).append(i)
            continue
        if amount[i] == 0 or not waiting.get(key):
            place.fail(
                "KG-220",
                i,
                f"EVID {code[i]} with AMT = {amount[i]:g} ends an infusion that was not started.",
                "An infusion starts with AMT = rate and ends with the same code and AMT = -rate.",
            )
        first = waiting[key].pop(0)
        duration = float(time[i] - time[first])
        if duration <= 0:
            place.fail("KG-220", i, "the infusion ends at the time at which it starts.")
        same = all(columns[name][i] == columns[name][first] for name in ("ADDL", "II"))
        if not same:
            place.fail("KG-220", i, "start and end of the infusion have different ADDL or II.")
        columns["AMT"][first] = amount[first] * duration
        columns["RATE" if flag[first] == 1 else "DUR"][first] = (
            amount[first] if flag[first] == 1 else duration
        )
        ended.append(i)
    left = sorted(i for rows in waiting.values() for i in rows)
    if left:
        place.fail(
            "KG-220",
            left[0],
            f"the infusion of EVID {code[left[0]]} has no end.",
            "An infusion ends with the same code and AMT = -rate.",
            len(left) - 1,
        )
    rows = np.zeros(code.shape, dtype=bool)
    rows[ended] = True
    _forget(columns, evid, rows)
