"""What a NONMEM event table must satisfy, row by row.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.columns import Numbers, Place, shown

__all__ = ["check_censoring", "check_doses", "check_order", "check_records", "drop_below_limit"]

Columns = dict[str, NDArray[np.float64]]


def check_order(
    time: Numbers, evid: NDArray[np.int64], subject: NDArray[np.int64], place: Place
) -> None:
    """Require that time does not go back within a subject except at a reset (KG-214)."""
    good = np.ones(time.shape, dtype=bool)
    good[1:] = (
        (subject[1:] != subject[:-1]) | (time[1:] >= time[:-1]) | (evid[1:] == 3) | (evid[1:] == 4)
    )
    if good.all():
        return
    before = np.concatenate([time[:1], time[:-1]])
    place.require(
        good,
        "KG-214",
        "TIME = {time} lies before the {before} of the row above.",
        "Sort the rows (sort=True does it), or start a new clock with EVID 3 or 4.",
        time=time,
        before=before,
    )


def check_records(columns: Columns, place: Place) -> None:
    """Require known kinds of records, and MDV that fits them (KG-215, KG-216, KG-222)."""
    evid, mdv, cmt = columns["EVID"], columns["MDV"], columns["CMT"]
    for value, meaning in ((5, "replace"), (6, "multiply"), (7, "transit")):
        place.require(
            evid != value,
            "KG-215",
            f"EVID {value} ({meaning} a state, an extension of rxode2) is not supported.",
            "Express it as a dose or in the model (an Event).",
        )
    place.require(
        (evid >= 0) & (evid <= 4),
        "KG-215",
        "EVID {evid} is unknown.",
        "0 observation, 1 dose, 2 other, 3 reset, 4 reset and dose; classic RxODE codes are above"
        " 100 (classic_evid=True).",
        evid=evid,
    )
    place.require((mdv == 0) | (mdv == 1), "KG-216", "MDV = {mdv} is neither 0 nor 1.", mdv=mdv)
    place.require(
        (evid == 0) | (mdv == 1),
        "KG-216",
        "MDV is 0 on a record with EVID {evid}, which has no observation.",
        "Write MDV 1 there, or leave the column out.",
        evid=evid,
    )
    place.require(
        (cmt >= 0) | (evid == 2),
        "KG-222",
        "CMT = {cmt} is negative, but EVID is {evid}; only EVID 2 turns a compartment off.",
        cmt=cmt,
        evid=evid,
    )


def check_doses(columns: Columns, place: Place) -> None:
    """Require complete, consistent doses and no dose data elsewhere (KG-216 to KG-218)."""
    evid = columns["EVID"]
    is_dose = (evid == 1) | (evid == 4)
    for name in ("AMT", "RATE", "DUR", "II", "ADDL", "SS"):
        place.require(
            is_dose | (columns[name] == 0),
            "KG-216",
            f"{name} = {{value}} on a record with EVID {{evid}}, which gives no dose.",
            "A dose has EVID 1 (or 4); otherwise the cell must be 0 or missing.",
            value=columns[name],
            evid=evid,
        )
    amount, rate, duration = columns["AMT"], columns["RATE"], columns["DUR"]
    interval, additional, steady = columns["II"], columns["ADDL"], columns["SS"]
    place.require(amount >= 0, "KG-217", "AMT = {amt} is negative.", amt=amount)
    place.require(
        (rate >= 0) | (rate == -1) | (rate == -2),
        "KG-217",
        "RATE = {rate} is negative.",
        "A rate is positive; -1 takes it from the model, -2 takes the duration from the model.",
        rate=rate,
    )
    place.require(duration >= 0, "KG-217", "DUR = {value} is negative.", value=duration)
    place.require(
        (rate == 0) | (duration == 0) | np.isclose(amount, rate * duration, rtol=1e-6, atol=0),
        "KG-217",
        "AMT = {amount}, RATE = {rate} and DUR = {duration} contradict each other.",
        "AMT = RATE x DUR must hold; leave one of RATE and DUR at 0.",
        amount=amount,
        rate=rate,
        duration=duration,
    )
    place.require(
        (additional >= 0) & (additional <= 1e6),
        "KG-218",
        "ADDL = {value} is not a number of doses from 0 to 1000000.",
        value=additional,
    )
    place.require(interval >= 0, "KG-218", "II = {value} is negative.", value=interval)
    place.require(
        (steady == 0) | (steady == 1) | (steady == 2),
        "KG-218",
        "SS = {value} is none of 0, 1 and 2.",
        "0 no steady state, 1 start at steady state, 2 add the steady state.",
        value=steady,
    )
    constant = (
        is_dose & (amount == 0) & (steady == 1) & (interval == 0) & ((rate > 0) | (rate == -1))
    )
    place.require(
        (additional == 0) | (interval > 0), "KG-218", "ADDL = {value} without II.",
        "State the interval between the doses in II.", value=additional,
    )  # fmt: skip
    place.require(
        (steady == 0) | (interval > 0) | constant,
        "KG-218",
        "SS = {value} without II.",
        "State the dosing interval in II.  (II 0 with AMT 0 and a RATE is a constant infusion.)",
        value=steady,
    )
    place.require(
        (interval == 0) | (additional > 0) | (steady > 0),
        "KG-218",
        "II = {value} without ADDL or SS has no effect.",
        "Say how often the dose is repeated in ADDL, or write II 0.",
        value=interval,
    )
    place.require(
        ~is_dose | (amount > 0) | constant | (rate == 0) & (duration == 0),
        "KG-217",
        "RATE = {rate} without AMT.",
        "State the amount in AMT.  (AMT 0 is a constant infusion with SS 1 and II 0.)",
        rate=np.where(rate != 0, rate, duration),
    )
    place.require(
        ~is_dose | (amount > 0) | constant,
        "KG-217",
        "a dose record (EVID {evid}) with AMT 0.",
        "State the amount, or make the record EVID 2 (EVID 3 for a reset alone).",
        evid=evid,
    )


def check_censoring(columns: Columns, place: Place) -> None:
    """Require that CENS, BLQ, LIMIT and LLOQ agree with DV (KG-210)."""
    observed = (columns["EVID"] == 0) & (columns["MDV"] == 0)
    if "CENS" in columns:
        cens = columns["CENS"]
        place.require(
            (cens == 0) | (cens == 1) | (cens == -1),
            "KG-210",
            "CENS = {cens} is none of 0, 1 (below DV) and -1 (above DV).",
            cens=cens,
        )
        if "LIMIT" in columns:
            limit = columns["LIMIT"]
            dv = columns["DV"]
            place.require(
                ~observed | np.isnan(limit) | (cens != 1) | (limit < dv),
                "KG-210",
                "LIMIT = {limit} is the lower end of a value below DV = {dv}, but is not less.",
                limit=limit,
                dv=dv,
            )
            place.require(
                ~observed | np.isnan(limit) | (cens != -1) | (limit > dv),
                "KG-210",
                "LIMIT = {limit} is the upper end of a value above DV = {dv}, but is not more.",
                limit=limit,
                dv=dv,
            )
    if "BLQ" in columns:
        blq = columns["BLQ"]
        place.require((blq == 0) | (blq == 1), "KG-210", "BLQ = {blq} is neither 0 nor 1.", blq=blq)
        lloq = columns.get("LLOQ", np.full(blq.shape, np.nan))
        place.require(
            ~observed | (blq == 0) | ~np.isnan(lloq),
            "KG-210",
            "BLQ = 1 without a limit of quantification.",
            "Give it in a column LLOQ.",
        )
    if "LLOQ" in columns:
        _check_limit(columns, observed, place)


def _check_limit(columns: Columns, observed: NDArray[np.bool_], place: Place) -> None:
    lloq, dv = columns["LLOQ"], columns["DV"]
    place.require(np.isnan(lloq) | (lloq >= 0), "KG-210", "LLOQ = {lloq} is negative.", lloq=lloq)
    below = below_limit(columns) & observed
    flag = "BLQ" if "BLQ" in columns and "CENS" not in columns else "CENS"
    if below.any():
        rows = np.flatnonzero(below)
        first = int(rows[0])
        state = f"{flag} = 0" if flag in columns else "nothing marks it as censored"
        place.fail(
            "KG-210",
            first,
            f"DV = {shown(dv[first])} is below LLOQ {shown(lloq[first])} but {state}.",
            f"Set {flag}=1 (censored likelihood) or blq='drop' to remove them on purpose.",
            len(rows) - 1,
        )
    if "CENS" in columns:
        cens = columns["CENS"]
        place.require(
            ~observed | np.isnan(lloq) | (cens != 1) | np.isclose(dv, lloq, rtol=1e-9, atol=0),
            "KG-210",
            "CENS = 1 says that the value is below DV = {dv}, but LLOQ is {lloq}.",
            "Write the limit of quantification in DV of a censored row.",
            dv=dv,
            lloq=lloq,
        )


def below_limit(columns: Columns) -> NDArray[np.bool_]:
    """Return which values lie below LLOQ and are not marked as censored."""
    dv, lloq = columns["DV"], columns["LLOQ"]
    marked = np.zeros(dv.shape, dtype=bool)
    for name in ("CENS", "BLQ"):
        if name in columns:
            marked |= columns[name] != 0
    with np.errstate(invalid="ignore"):
        return (dv < lloq) & ~marked


def drop_below_limit(columns: Columns) -> int:
    """Make values below the limit points of prediction (MDV 1); return how many there were."""
    observed = (columns["EVID"] == 0) & (columns["MDV"] == 0)
    rows = np.zeros(observed.shape, dtype=bool)
    if "LLOQ" in columns:
        rows |= below_limit(columns)
    for name in ("CENS", "BLQ"):
        if name in columns:
            rows |= columns[name] == 1
    rows &= observed
    columns["MDV"][rows] = 1.0
    return int(rows.sum())
