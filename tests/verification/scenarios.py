"""The NONMEM dosing scenarios beside the source tree as laws and records.

SPDX-License-Identifier: BSD-3-Clause

One-compartment oral model (CL 1.1, V 20, KA 1.5 as in ``../shared/data/README.md``); doses into
the central compartment carry lag, bioavailability, modelled duration and modelled rate.
"""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
from engine import Law, Record

PARAMETERS = ("CL", "V", "KA", "F2", "LAG2", "D2", "R2")


def law():
    """States in amounts, output CP."""
    return Law(
        ("depot", "central"),
        PARAMETERS,
        lambda t, y, p: [-p.KA * y.depot, p.KA * y.depot - p.CL / p.V * y.central],
        outputs={"CP": lambda t, y, p: y.central / (p.V / 1000.0)},
        lag={"central": lambda p: p.LAG2},
        bioavailability={"central": lambda p: p.F2},
        duration={"central": lambda p: p.D2},
        rate={"central": lambda p: p.R2},
    )


def read(folder):
    """Parameters, records and exact concentrations of every scenario, by its number."""
    events = defaultdict(list)
    parameters = {}
    with (folder / "dosing_scenarios_events.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            number = int(row["ID"])
            values = [float(row[k]) for k in ("BIOAV", "LAGT", "DUR2", "RAT2")]
            # Two scenarios have rows that differ in BIOAV; doses into the depot do not use it.
            parameters.setdefault(number, np.array([1.1, 20.0, 1.5, *values]))
            events[number].append(
                Record(
                    time=float(row["time"]),
                    kind=int(row["evid"]),
                    target=int(row["cmt"]) - 1,
                    amount=float(row["amt"]),
                    rate=float(row["rate"]),
                    interval=float(row["ii"]),
                    additional=int(row["addl"]),
                    steady=int(row["ss"]),
                )
            )
    records, exact = defaultdict(list), defaultdict(list)
    with (folder / "dosing_scenarios_reference.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            number = int(row["ID"])
            if row["evid"] != "0":
                records[number].append(events[number].pop(0))
            # The value after an event record is that of an observation right behind it.
            records[number].append(Record(float(row["time"])))
            exact[number].append(float(row["CP_exact"]))
    assert not any(events.values())
    return {n: (parameters[n], records[n], np.array(exact[n])) for n in parameters}
