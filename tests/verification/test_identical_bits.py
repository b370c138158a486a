"""The same bits for every thread count, batch order, batch size and lane count.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import SET_PARAMETER, Law, Record, dose, in_order, observe, schedule
from krogh import _core
from laws import ABSORBED_TMDD, ABSORBED_TYPICAL, MICHAELIS, MICHAELIS_TYPICAL
from test_sensitivities import RESCUE

pytestmark = pytest.mark.verification

COUNT = 83  # more than any number of lanes, and no multiple of one
THREADS = (1, 2, 3, 5)
LANES = (8, 16, 32)


def spread(typical, seed=3, scale=0.3):
    z = np.random.default_rng(seed).standard_normal((COUNT, len(typical)))
    return np.ascontiguousarray(np.array(typical) * np.exp(scale * z))


def own_records(seed):
    """Every subject has doses, infusions, trains, a steady state or a reset of its own."""
    draw = np.random.default_rng(seed)
    lists = []
    for subject in range(COUNT):
        records = [dose(0.0, 100.0, interval=8.0, additional=int(draw.integers(0, 4)))]
        if subject % 3 == 0:
            records = [dose(0.0, 60.0, interval=12.0, additional=1, steady=1)]
        if subject % 4 == 1:
            records.append(dose(5.0 + draw.random(), 50.0, 1, rate=20.0))
        if subject % 7 == 2:
            records.append(Record(11.0, 3))
        if subject % 5 == 3:
            records.append(Record(9.0, SET_PARAMETER, 1, 20.0))
        lists.append(in_order(records, observe(np.sort(draw.uniform(0.0, 30.0, 7 + subject % 5)))))
    return lists


LINEAR = Law(
    ("depot", "central", "far"),
    ("ka", "k", "k12", "k21", "F"),
    lambda t, y, p: [
        -p.ka * y.depot,
        p.ka * y.depot - (p.k + p.k12) * y.central + p.k21 * y.far,
        p.k12 * y.central - p.k21 * y.far,
    ],
    bioavailability={"depot": lambda p: p.F},
)


class Problem:
    """A population; ``run`` solves it in a given order and returns everything by subject."""

    def __init__(self, law, typical, lists, windows=(), sensitivities=(), method="auto"):
        self.program = law.program()
        self.parameters = spread(typical)
        self.lists = lists
        self.windows = list(windows)
        self.sensitivities = list(sensitivities)
        self.method = method

    def run(self, order, **options):
        run = _core.simulate_point(
            self.program, np.ascontiguousarray(self.parameters[order]),
            schedule([self.lists[i] for i in order]), method=self.method, windows=self.windows,
            sensitivities=self.sensitivities, final_states=True, **options,
        )  # fmt: skip
        assert not run.failures, run.failures
        counts = [sum(r.kind == 0 for r in self.lists[i]) for i in order]
        edges = np.cumsum([0, *counts])
        results = {}
        for position, i in enumerate(order):
            rows = slice(edges[position], edges[position + 1])
            parts = [run.values[rows], run.final_states[position]]
            parts += [run.sensitivities[rows]] if self.sensitivities else []
            parts += [run.metrics[position]] if self.windows else []
            results[int(i)] = b"".join(np.ascontiguousarray(p).tobytes() for p in parts)
        return results


def shared(records):
    return [records] * COUNT


def problems():
    weekly = in_order(observe(np.arange(0.5, 28.0, 1.7)), *(dose(7.0 * k, 210.0) for k in range(3)))
    rescue = in_order(dose(0.0, 100.0), observe(np.arange(0.3, 25.0, 0.9)))
    window = [(0.0, 20.0), (3.0, 9.5)]
    for method in ("rodas4", "rodas5p", "ros34pw2", "explicit5", "rkc2", "auto"):
        yield f"saturable, own records, {method}", Problem(
            MICHAELIS, (*MICHAELIS_TYPICAL[:3], 0.8, 0.4, *MICHAELIS_TYPICAL[5:]), own_records(1),
            window, method=method,
        )  # fmt: skip
    for method in ("rodas4", "rodas5p", "auto"):
        yield f"antibody, {method}", Problem(
            ABSORBED_TMDD, ABSORBED_TYPICAL, shared(weekly), window,
            [("parameter", 1), ("parameter", 5), ("amount", 1), ("initial", 3)], method=method,
        )  # fmt: skip
        yield f"events, {method}", Problem(
            RESCUE, (1.0, 10.0, 0.7, 5.0, 3.0), shared(rescue), window,
            [("parameter", 0), ("parameter", 3)], method=method,
        )  # fmt: skip
    mixed = Problem(ABSORBED_TMDD, ABSORBED_TYPICAL, shared(weekly), window)
    # From no stiffness at all to rates of 1e5 a day in one batch: nobody's choice rules the others.
    mixed.parameters[:, 5] = 10.0 ** np.random.default_rng(8).uniform(-4.0, 4.0, COUNT)
    yield "antibody, stiff and not, auto", mixed
    for method in ("propagator", "rodas5p"):
        yield f"linear, own records, {method}", Problem(
            LINEAR, (1.0, 0.2, 0.3, 0.1, 0.8),
            [[r for r in records if r.kind != SET_PARAMETER] for records in own_records(2)],
            method=method,
        )  # fmt: skip
    yield (
        "linear, metrics and sensitivities",
        Problem(
            LINEAR,
            (1.0, 0.2, 0.3, 0.1, 0.8),
            shared(weekly),
            window,
            [("parameter", 1), ("amount", 0)],
        ),
    )


PROBLEMS = dict(problems())


@pytest.mark.parametrize("name", PROBLEMS)
def test_identical_bits(name):
    problem = PROBLEMS[name]
    straight = np.arange(COUNT)
    expected = problem.run(straight, num_threads=1)
    for threads in THREADS[1:]:
        assert problem.run(straight, num_threads=threads) == expected, f"{threads} threads"
    shuffled = np.random.default_rng(7).permutation(COUNT)
    assert problem.run(shuffled, num_threads=2) == expected, "shuffled"
    assert problem.run(straight[::-1], num_threads=3) == expected, "reversed"
    for lanes in LANES:
        assert problem.run(straight, num_threads=1, lanes=lanes) == expected, f"{lanes} lanes"
    some = straight[5:40:7]
    assert problem.run(some) == {int(i): expected[int(i)] for i in some}, "a part of the batch"


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_a_shared_schedule_gives_the_bits_of_one_list_each(method):
    parameters = spread(ABSORBED_TYPICAL)
    records = in_order(observe(np.arange(0.5, 28.0, 1.7)), dose(0.0, 210.0), dose(7.0, 90.0))
    program = ABSORBED_TMDD.program()
    one = _core.simulate_point(program, parameters, schedule([records], True), method=method)
    each = _core.simulate_point(program, parameters, schedule([records] * COUNT), method=method)
    assert one.values.tobytes() == each.values.tobytes()


def test_normal_deviates_depend_on_seed_purpose_subject_and_position_alone():
    draw = _core.standard_normals
    subjects = np.arange(100, dtype=np.int64)
    z = draw(5, 1, subjects, 8)
    assert np.array_equal(draw(5, 1, subjects[::-1].copy(), 8), z[::-1])
    assert np.array_equal(draw(5, 1, subjects[40:41].copy(), 3), z[40:41, :3])
    for other in (draw(6, 1, subjects, 8), draw(5, 2, subjects, 8)):
        assert not np.any(other == z)
    assert len(np.unique(z)) == z.size
    many = draw(1, 0, np.arange(50_000, dtype=np.int64), 4).ravel()
    n = many.size
    # Mean, variance, skewness and kurtosis within five standard errors.
    assert abs(many.mean()) < 5.0 / np.sqrt(n)
    assert abs(many.var() - 1.0) < 5.0 * np.sqrt(2.0 / n)
    assert abs((many**3).mean()) < 5.0 * np.sqrt(15.0 / n)
    assert abs((many**4).mean() - 3.0) < 5.0 * np.sqrt(96.0 / n)
    columns = many.reshape(-1, 4)
    correlation = np.corrcoef(columns.T)[np.triu_indices(4, 1)]
    assert np.abs(correlation).max() < 5.0 / np.sqrt(len(columns))
