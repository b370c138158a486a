"""Sensitivities to parameters, initial values and every attribute of a dose against differences.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from differences import Case, all_parameters, check, values
from engine import (
    RESET,
    RESET_DOSE,
    SET_PARAMETER,
    Law,
    Record,
    dose,
    in_order,
    observe,
    where,
)
from laws import (
    ABSORBED_TMDD,
    ABSORBED_TYPICAL,
    MICHAELIS,
    MICHAELIS_PARAMETERS,
    SWITCHING,
    SWITCHING_TYPICAL,
)

pytestmark = pytest.mark.verification


def weekly_antibody():
    records = in_order(
        [replace(r, time=r.time + 0.013) for r in observe(np.arange(0.0, 28.0, 0.5))],
        dose(0.0, 210.0), dose(7.0, 150.0), dose(14.5, 90.0, 1, rate=60.0),
    )  # fmt: skip
    directions = (
        *all_parameters(ABSORBED_TMDD),
        *(("initial", i) for i in range(5)),
        ("amount", 0), ("amount", 1), ("amount", 2), ("time", 1), ("time", 2), ("lag", 1),
        ("duration", 2), ("bioavailability", 0), ("bioavailability", 2),
    )  # fmt: skip
    return Case(ABSORBED_TMDD, ABSORBED_TYPICAL, records, directions)


def saturable(records, **changes):
    values = {"KA": 1.0, "VM": 15.0, "KM": 300.0, "F": 0.8, "LAG": 0.4, "D": 2.0, "R": 30.0}
    values.update(changes)
    return tuple(values[name] for name in MICHAELIS_PARAMETERS), records


def modelled_attributes():
    """Oral and intravenous doses whose lag, F, duration and rate are parameters; ADDL as well."""
    parameters, records = saturable(
        in_order(
            observe(np.arange(0.05, 40.0, 0.77)),
            dose(0.0, 100.0),
            dose(3.0, 80.0, 1, rate=-2.0, interval=9.0, additional=2),
            dose(6.0, 120.0, 1, rate=-1.0),
            dose(13.5, 60.0, 1, rate=25.0),
            dose(20.0, 50.0, 0, interval=6.0, additional=2),
        )
    )
    directions = (
        *all_parameters(MICHAELIS),
        *((kind, i) for i in range(5) for kind in ("amount", "time", "lag", "bioavailability")),
        ("duration", 3),
    )
    return Case(MICHAELIS, parameters, records, directions)


def resets():
    parameters, records = saturable(
        in_order(
            observe(np.arange(0.05, 30.0, 0.77)),
            dose(0.0, 100.0, interval=5.0, additional=4),
            Record(11.0, RESET),
            Record(14.0, RESET_DOSE, 1, 90.0, rate=30.0),
            dose(20.0, 70.0),
        )
    )
    # Doses of earlier lives must not matter after a reset, nor may their tangents.
    directions = (
        *all_parameters(MICHAELIS),
        ("amount", 0), ("amount", 1), ("time", 2), ("lag", 0), ("duration", 1),
    )  # fmt: skip
    return Case(MICHAELIS, parameters, records, directions)


def covariate_change():
    """A record sets a parameter on the way; the sensitivities to the others go on."""
    parameters, records = saturable(
        in_order(
            observe(np.arange(0.05, 30.0, 0.77)),
            dose(0.0, 100.0, interval=8.0, additional=2),
            Record(10.0, SET_PARAMETER, 1, 22.0),
        )
    )
    others = tuple(d for d in all_parameters(MICHAELIS) if d[1] != 1)
    return Case(MICHAELIS, parameters, records, (*others, ("amount", 0)))


def test_a_parameter_that_a_record_sets_has_no_sensitivity():
    case = covariate_change()
    with pytest.raises(ValueError, match="record 14 sets parameter 'VM'"):
        values(case, case.parameters, case.records, None, sensitivities=[("parameter", 1)])


def switching():
    records = in_order(
        [replace(r, time=r.time + 0.013) for r in observe(np.arange(0.0, 24.0, 0.5))],
        dose(0.0, 100.0), dose(10.0, 120.0),
    )  # fmt: skip
    directions = (
        *all_parameters(SWITCHING), ("initial", 0), ("initial", 1), ("amount", 0), ("time", 1),
    )  # fmt: skip
    return Case(SWITCHING, SWITCHING_TYPICAL, records, directions)


# When the concentration falls below a limit a share of the effect moves back: assignments that
# depend on states, parameters and time.
RESCUE = Law(
    ("central", "effect"),
    ("CL", "V", "keo", "limit", "gift"),
    lambda t, y, p: [-p.CL / p.V * y.central, p.keo * (y.central / p.V - y.effect)],
    events=(
        (
            lambda t, y, p: y.central / p.V - p.limit,
            -1,
            {
                "central": lambda t, y, p: y.central + p.gift * p.V + 0.3 * y.effect,
                "effect": lambda t, y, p: 0.5 * y.effect + 0.01 * t,
            },
        ),
    ),
)


def events():
    records = in_order(
        [replace(r, time=r.time + 0.0137) for r in observe(np.arange(0.0, 30.0, 0.5))],
        dose(0.0, 100.0),
    )  # fmt: skip
    directions = (*all_parameters(RESCUE), ("initial", 0), ("initial", 1), ("amount", 0))
    return Case(RESCUE, (1.0, 10.0, 0.7, 5.0, 3.0), records, directions)


# A clock event: the trigger depends on time and a parameter only.
CLOCK = Law(
    ("x",),
    ("k", "when", "size"),
    lambda t, y, p: [-p.k * y.x * y.x + where(t - 2.0 * p.when, 1.0, 0.0)],
    initial={"x": lambda p: 2.0 / p.k},
    events=((lambda t, y, p: t - p.when, 1, {"x": lambda t, y, p: y.x * p.size + p.k}),),
)


def clock():
    records = in_order(observe(np.arange(0.013, 8.0, 0.25)))
    return Case(CLOCK, (0.4, 1.7, 1.5), records, all_parameters(CLOCK))


def steady(amount=100.0, target=0, rate=0.0, interval=12.0, additional=2, mode=1, **changes):
    parameters, records = saturable(
        in_order(
            dose(
                0.0, amount, target, rate=rate, interval=interval, additional=additional,
                steady=mode,
            ),
            observe(np.arange(0.05, 40.0, 0.77)),
        ),
        **changes,
    )  # fmt: skip
    directions = all_parameters(MICHAELIS)
    if interval > 0:
        directions = (*directions, ("amount", 0), ("bioavailability", 0))
    if rate > 0 and interval > 0:
        directions = (*directions, ("duration", 0))
    return Case(MICHAELIS, parameters, records, directions)


def steady_antibody():
    """The initial value of the target depends on parameters; the orbit does not start there."""
    records = in_order(
        dose(0.0, 210.0, interval=7.0, additional=1, steady=1),
        [replace(r, time=r.time + 0.013) for r in observe(np.arange(0.0, 21.0, 0.5))],
    )
    return Case(
        ABSORBED_TMDD, ABSORBED_TYPICAL, records, (*all_parameters(ABSORBED_TMDD), ("amount", 0))
    )


def steady_moved_in_time():
    """The record itself moves: before it the subject is at rest, behind it on its orbit."""
    parameters, records = saturable(
        in_order(dose(5.0, 100.0, interval=12.0, steady=1), observe(np.arange(6.05, 30.0, 0.77))),
        LAG=0.0,
    )
    return Case(MICHAELIS, parameters, records, (("time", 0), ("lag", 0)))


def steady_added_moved_in_time():
    """The steady state is added to what is left of an earlier dose, with and without lag."""
    parameters, records = saturable(
        in_order(
            dose(0.0, 130.0),
            dose(5.0, 60.0, 1, rate=12.0, interval=6.0, steady=2),
            observe(np.arange(6.05, 30.0, 0.77)),
        ),
        LAG=1.1,
    )
    return Case(
        MICHAELIS, parameters, records,
        (*all_parameters(MICHAELIS), ("time", 1), ("amount", 0), ("duration", 1)),
    )  # fmt: skip


def steady_constant_infusion_moved_in_time():
    parameters, records = saturable(
        in_order(dose(5.0, 0.0, 1, rate=6.0, steady=1), observe(np.arange(6.05, 30.0, 0.77)))
    )
    return Case(MICHAELIS, parameters, records, (("time", 0),))


def jump_over_a_switch():
    """Doses jump over the switching surface, and the moment at which they do moves."""
    law = Law(
        SWITCHING.states, SWITCHING.parameters,
        lambda t, y, p: [
            -(p.CL + where(y.central - p.limit, p.extra, 0.0)) / p.V * y.central,
            p.keo * (y.central / p.V - y.effect),
        ],
        lag={"central": lambda p: 0.3 * p.keo},
    )  # fmt: skip
    records = in_order(
        [replace(r, time=r.time + 0.013) for r in observe(np.arange(0.0, 24.0, 0.5))],
        dose(1.0, 100.0), dose(10.0, 120.0, rate=90.0),
    )  # fmt: skip
    directions = (*all_parameters(law), ("time", 0), ("lag", 1), ("amount", 1))
    return Case(law, (1.0, 10.0, 0.7, 4.0, 30.0), records, directions)


def events_by_doses():
    """A dose jumps over the trigger of an event, whose assignment sets off another."""
    law = Law(
        ("x", "y"),
        ("k", "limit", "share"),
        lambda t, y, p: [-p.k * y.x * y.x, p.k * y.x - 0.2 * y.y],
        initial={"x": lambda p: 0.5 / p.k},
        lag={"x": lambda p: 0.5 * p.share},
        events=(
            (
                lambda t, y, p: y.x - p.limit,
                1,
                {
                    "x": lambda t, y, p: p.share * y.x + 0.1 * t,
                    "y": lambda t, y, p: 5.0 * y.x + y.y,
                },
            ),
            (lambda t, y, p: y.y - 4.0 * p.limit, 1, {"y": lambda t, y, p: y.y / (1.0 + y.y)}),
        ),
    )
    records = in_order(
        [replace(r, time=r.time + 0.013) for r in observe(np.arange(0.0, 12.0, 0.25))],
        dose(1.0, 5.0), dose(5.0, 7.0),
    )  # fmt: skip
    directions = (*all_parameters(law), ("time", 0), ("lag", 1), ("amount", 1), ("initial", 0))
    return Case(law, (0.4, 4.0, 0.3), records, directions)


CASES = {
    "steady added, moved in time": steady_added_moved_in_time,
    "steady constant infusion, moved in time": steady_constant_infusion_moved_in_time,
    "jump over a switch": jump_over_a_switch,
    "events by doses": events_by_doses,
    "antibody": weekly_antibody,
    "modelled attributes": modelled_attributes,
    "resets": resets,
    "covariate change": covariate_change,
    "switching": switching,
    "events": events,
    "clock": clock,
    "steady oral with lag": steady,
    "steady lag beyond interval": lambda: steady(LAG=14.3),
    "steady infusion": lambda: steady(target=1, rate=40.0),
    "steady overlapping infusion with lag": lambda: steady(
        target=1, rate=4.0, interval=6.0, amount=50.0, LAG=2.3
    ),
    "steady modelled duration": lambda: steady(
        target=1, rate=-2.0, interval=6.0, D=8.3, amount=40.0
    ),
    "steady modelled rate": lambda: steady(target=1, rate=-1.0, R=33.0),
    "steady added": lambda: steady(mode=2, amount=60.0),
    "steady constant infusion": lambda: steady(
        amount=0.0, target=1, rate=6.0, interval=0.0, additional=0
    ),
    "steady antibody": steady_antibody,
    "steady moved in time": steady_moved_in_time,
}


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "ros34pw2", "explicit5"])
@pytest.mark.parametrize("name", CASES)
def test_sensitivities(name, method):
    check(name, CASES[name](), method)
