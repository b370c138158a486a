"""A slow, plain solution of a schedule that shares no code with the engine.

SPDX-License-Identifier: BSD-3-Clause

Steady states are long trains of explicit doses; linear laws are advanced by scipy's matrix
exponential, others by DOP853 at rtol 1e-12, always from one event to the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from engine import DOSE, OBSERVE, RESET, RESET_DOSE, Law, Names
from scipy.integrate import solve_ivp
from scipy.linalg import expm


@dataclass
class Happening:
    """A dose that arrives (``rate`` 0: at once), or the end of an infusion."""

    time: float
    target: int
    amount: float
    rate: float
    duration: float
    is_end: bool = False


class Subject:
    """State of one subject on its way through its records."""

    def __init__(self, law: Law, parameters, matrix=None, cycles=16):
        self.law = law
        self.parameters = tuple(parameters)
        self.names = Names(law.parameters, parameters)
        self.matrix = matrix
        self.cycles = cycles
        self.coming: list[Happening] = []
        self.running: list[Happening] = []
        self.time = 0.0
        self.y = self.first_state()

    def first_state(self):
        return np.array(
            [float(self.law.initial[s](self.names)) if s in self.law.initial else 0.0
             for s in self.law.states]
        )  # fmt: skip

    def attribute(self, table, target, default):
        state = self.law.states[target]
        return table[state](self.names) if state in table else default

    # Motion between events.
    def advance(self, until):
        if until <= self.time:
            return
        rates = np.zeros(len(self.y))
        for infusion in self.running:
            rates[infusion.target] += infusion.rate
        if self.matrix is not None:
            n = len(self.y)
            whole = np.zeros((n + 1, n + 1))
            whole[:n, :n] = self.matrix
            whole[:n, n] = rates
            self.y = (expm(whole * (until - self.time)) @ np.append(self.y, 1.0))[:n]
        else:
            solution = solve_ivp(
                lambda t, y: self.law.derivative(t, y, self.parameters) + rates,
                (self.time, until), self.y, method="DOP853", rtol=1e-12, atol=1e-12,
            )  # fmt: skip
            assert solution.success
            self.y = solution.y[:, -1]
        self.time = until

    def happen_until(self, time):
        """Everything derived that falls at or before ``time``, in order of time."""
        while self.coming:
            first = min(self.coming, key=lambda h: h.time)
            if first.time > time:
                return
            self.coming.remove(first)
            self.advance(first.time)
            if first.is_end:
                self.running.remove(next(r for r in self.running if r.time == first.time))
            else:
                self.arrive(first)

    def arrive(self, what):
        if what.rate == 0.0:
            self.y[what.target] += what.amount
        elif what.duration > 0.0:
            end = what.time + what.duration
            self.running.append(Happening(end, what.target, 0.0, what.rate, 0.0, True))
            self.coming.append(self.running[-1])

    # Records.
    def doses_of(self, record, first_time):
        """The record's doses from ``first_time`` on, as arrivals."""
        lag = self.attribute(self.law.lag, record.target, 0.0)
        amount = record.amount * self.attribute(self.law.bioavailability, record.target, 1.0)
        rate, duration = 0.0, 0.0
        if record.rate > 0.0:
            rate = record.rate
            duration = amount / rate
        elif record.rate == -1.0:
            rate = self.attribute(self.law.rate, record.target, None)
            duration = amount / rate
        elif record.rate == -2.0:
            duration = self.attribute(self.law.duration, record.target, None)
            rate = amount / duration
        return lambda k: Happening(
            first_time + k * record.interval + lag, record.target, amount, rate, duration
        )

    def give(self, record):
        dose = self.doses_of(record, record.time)
        if record.steady:
            self.make_steady(record)
        if record.steady and record.interval == 0.0:
            return
        for k in range(record.additional + 1):
            arrival = dose(k)
            if arrival.time == record.time:
                self.arrive(arrival)
            else:
                self.coming.append(arrival)

    def make_steady(self, record):
        other = Subject(self.law, self.parameters, self.matrix, self.cycles)
        if record.interval == 0.0:
            other.time = record.time - 400.0
            other.running.append(Happening(math.inf, record.target, 0.0, record.rate, 0.0, True))
            other.advance(record.time)
            other.running.clear()
        else:
            probe = self.doses_of(record, 0.0)(0)
            cycles = self.cycles + math.ceil((probe.time + probe.duration) / record.interval)
            dose = self.doses_of(record, record.time)
            other.time = record.time - cycles * record.interval
            other.coming = [dose(-k) for k in range(cycles, 0, -1)]
            # A dose of the train that arrives just now is the phase of the record itself.
            other.happen_until(np.nextafter(record.time, -np.inf))
            other.advance(record.time)
        if record.steady == 1:
            self.coming, self.running = other.coming, other.running
            self.y = other.y
        else:
            self.coming += other.coming
            self.running += other.running
            self.y = self.y + other.y

    def solve(self, records):
        """States at the observations, shape (observations, states)."""
        values = []
        self.time = records[0].time
        for record in records:
            self.happen_until(record.time)
            self.advance(record.time)
            if record.kind in (RESET, RESET_DOSE):
                self.coming.clear()
                self.running.clear()
                self.y = self.first_state()
                self.time = record.time
            if record.kind == OBSERVE:
                values.append(self.y.copy())
            elif record.kind in (DOSE, RESET_DOSE):
                self.give(record)
        return np.array(values)
