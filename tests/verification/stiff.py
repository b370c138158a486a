"""Stiff test problems as laws: initial values, spans, and the published end values.

SPDX-License-Identifier: BSD-3-Clause

Equations and end values: F. Mazzia and C. Magherini, Test Set for Initial Value Problem Solvers,
release 2.4 (2008), University of Bari. ROBER: Robertson 1966; HIRES: Schaefer 1975; OREGO: Field
and Noyes 1974; VDPOL: van der Pol 1926, in the scaling of Hairer and Wanner 1996; POLLU: Verwer
1994, doi:10.1137/0915076; E5: Enright, Hull and Lindberg 1975, doi:10.1007/BF01932994.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from engine import Law


@dataclass(frozen=True)
class Problem:
    """A law without parameters, where it starts, when it ends, and the published end values."""

    law: Law
    start: tuple[float, ...]
    end: float
    published: tuple[float, ...]
    atol: float  # absolute tolerance at rtol 1e-8

    @property
    def times(self):
        """Times at which references are stored; the last one is the end."""
        if self.end > 1e6:
            return np.geomspace(1e-5 * 1e-11 * self.end, self.end, 17)
        return self.end * np.linspace(1.0 / 16.0, 1.0, 16)


def _law(names, function, start):
    return Law(
        names,
        ("one",),
        lambda t, y, p: function(y),
        initial={n: (lambda p, v=v: v) for n, v in zip(names, start, strict=True)},
    )


def _problem(count, function, start, end, published, atol):
    names = tuple(f"y{i + 1}" for i in range(count))
    return Problem(_law(names, function, start), start, end, published, atol)


def _rober(y):
    slow, fast, middle = 0.04 * y[0], 3e7 * y[1] * y[1], 1e4 * y[1] * y[2]
    return [middle - slow, slow - middle - fast, fast]


def _hires(y):
    meet = 280.0 * y[5] * y[7]
    return [
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
        1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
        8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
        -meet + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
        meet - 1.81 * y[6],
        1.81 * y[6] - meet,
    ]


def _orego(y):
    return [
        77.27 * (y[1] + y[0] * (1.0 - 8.375e-6 * y[0] - y[1])),
        (y[2] - (1.0 + y[0]) * y[1]) / 77.27,
        0.161 * (y[0] - y[2]),
    ]


def _vdpol(y):
    return [y[1], ((1.0 - y[0] * y[0]) * y[1] - y[0]) * 1e6]


def _e5(y):
    a, b = 7.89e-10 * y[0], 1.1e7 * y[0] * y[2]
    c, d = 1.13e9 * y[1] * y[2], 1.13e3 * y[3]
    return [-a - b, a - c, a - c + d - b, b - d]


POLLU_RATES = (
    0.35, 26.6, 1.23e4, 8.6e-4, 8.2e-4, 1.5e4, 1.3e-4, 2.4e4, 1.65e4, 9e3, 0.022, 1.2e4, 1.88,
    1.63e4, 4.8e6, 3.5e-4, 0.0175, 1e8, 4.44e11, 1240.0, 2.1, 5.78, 0.0474, 1780.0, 3.12,
)  # fmt: skip
# Reactants of the 25 reactions, 1-based.
POLLU_REACTANTS = (
    (1,), (2, 4), (5, 2), (7,), (7,), (7, 6), (9,), (9, 6), (11, 2), (11, 1), (13,), (10, 2), (14,),
    (1, 6), (3,), (4,), (4,), (16,), (16,), (17, 6), (19,), (19,), (1, 4), (19, 1), (20,),
)  # fmt: skip
# Gains (positive) and losses (negative) of the 20 species, by reaction, 1-based.
POLLU_BALANCE = (
    (-1, -10, -14, -23, -24, 2, 3, 9, 11, 12, 22, 25), (-2, -3, -9, -12, 1, 21),
    (-15, 1, 17, 19, 22), (-2, -16, -17, -23, 15), (-3, 4, 4, 6, 7, 13, 20),
    (-6, -8, -14, -20, 3, 18, 18), (-4, -5, -6, 13), (4, 5, 6, 7), (-7, -8), (-12, 7, 9),
    (-9, -10, 8, 11), (9,), (-11, 10), (-13, 12), (14,), (-18, -19, 16), (-20,), (20,),
    (-21, -22, -24, 23, 25), (-25, 24),
)  # fmt: skip


def _pollu(y):
    rates = []
    for k, reactants in zip(POLLU_RATES, POLLU_REACTANTS, strict=True):
        rate = k * y[reactants[0] - 1]
        for r in reactants[1:]:
            rate = rate * y[r - 1]
        rates.append(rate)
    derivatives = []
    for terms in POLLU_BALANCE:
        total = 0.0
        for term in terms:
            rate = rates[abs(term) - 1]
            total = total + rate if term > 0 else total - rate
        derivatives.append(total)
    return derivatives


_POLLU_START = [0.0] * 20
for _i, _v in ((2, 0.2), (4, 0.04), (7, 0.1), (8, 0.3), (9, 0.01), (17, 0.007)):
    _POLLU_START[_i - 1] = _v

PROBLEMS = {
    "ROBER": _problem(
        3, _rober, (1.0, 0.0, 0.0), 1e11,
        (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050), 1e-14,
    ),
    "HIRES": _problem(
        8, _hires, (1.0, *[0.0] * 6, 0.0057), 321.8122,
        (0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
         0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
         0.2849998395185769e-2, 0.2850001604814231e-2), 1e-11,
    ),
    "OREGO": _problem(
        3, _orego, (1.0, 2.0, 3.0), 360.0,
        (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3), 1e-10,
    ),
    "VDPOL": _problem(
        2, _vdpol, (2.0, 0.0), 2.0, (0.1706167732170483e1, -0.8928097010247975), 1e-11,
    ),
    "POLLU": _problem(
        20, _pollu, tuple(_POLLU_START), 60.0,
        (0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2,
         0.2018977262302196e-6, 0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018,
         0.7494013383880406e-2, 0.1622293157301561e-7, 0.1135863833257075e-7,
         0.2230505975721359e-2, 0.2087162882798630e-3, 0.1396921016840158e-4,
         0.8964884856898295e-2, 0.4352846369330103e-17, 0.6899219696263405e-2,
         0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4), 1e-18,
    ),
    "E5": _problem(
        4, _e5, (1.76e-3, 0.0, 0.0, 0.0), 1e13,
        (0.1152903278711829e-290, 0.8867655517642120e-22, 0.8854814626268838e-22, 0.0), 1.7e-24,
    ),
}  # fmt: skip
