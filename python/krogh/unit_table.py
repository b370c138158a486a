"""The table of units: dimensions, the internal system, and the names krogh knows without pint.

SPDX-License-Identifier: BSD-3-Clause

Internal system
---------------
===================  ==========  ===========================================================
dimension            unit        remark
===================  ==========  ===========================================================
time                 s
length               um
amount               1e-24 mol   1 nM um^3, so a concentration is in nM
mass                 1e-21 g     1 ng/mL um^3, so a mass concentration is in ng/mL, a molar
                                 mass is in kDa, and nM times kDa is ng/mL
temperature          K
pressure             mmHg        a dimension of its own: krogh meets force, energy and viscosity
                                 through it (Pa s, J = Pa m^3), never through a mass
radioactivity        Bq          a dimension of its own, so it is never mistaken for a rate
angle                rad
biological activity  IU          a dimension of its own: no factor leads to mass or amount
absorbed dose        Gy          a dimension of its own
cells                cell        a count of cells, so receptors per cell times cells per mL
                                 (with ``molecule`` as an amount) is a concentration
===================  ==========  ===========================================================

The dalton is taken as the field takes it: a molar mass, 1 Da = 1 g/mol.
Exact definitions: SI Brochure, 9th edition (2019): Avogadro constant 6.02214076e23 /mol; the
conventional millimetre of mercury is 133.322387415 Pa (BIPM/ISO 80000-4, BS 350: 13595.1 kg/m^3
times 9.80665 m/s^2).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

__all__ = ["BASE_NAMES", "BASE_UNITS", "PREFIXES", "UNITS", "UnitEntry", "lookup"]

BASE_NAMES: Final = (
    "time",
    "length",
    "amount",
    "mass",
    "temperature",
    "pressure",
    "radioactivity",
    "angle",
    "biological activity",
    "absorbed dose",
    "cells",
)
"""Names of the base dimensions, in the order of every exponent tuple."""

BASE_UNITS: Final = (
    "s",
    "um",
    "1e-24 mol",
    "1e-21 g",
    "K",
    "mmHg",
    "Bq",
    "rad",
    "IU",
    "Gy",
    "cell",
)
"""The internal unit of each base dimension."""

UnitEntry = tuple[Fraction, tuple[int, ...]]
"""Exact factor to the internal unit, and the exponents of the base dimensions."""


def _exponents(**powers: int) -> tuple[int, ...]:
    keys = [name.replace(" ", "_") for name in BASE_NAMES]
    return tuple(powers.get(key, 0) for key in keys)


_TIME = _exponents(time=1)
_LENGTH = _exponents(length=1)
_VOLUME = _exponents(length=3)
_AMOUNT = _exponents(amount=1)
_MASS = _exponents(mass=1)
_MOLAR = _exponents(amount=1, length=-3)
_MOLAR_MASS = _exponents(mass=1, amount=-1)
_PRESSURE = _exponents(pressure=1)
_ENERGY = _exponents(pressure=1, length=3)
_NONE = _exponents()

_MMHG = Fraction("133.322387415")
_AVOGADRO = Fraction(602214076) * 10**15
_PI = Fraction("3.14159265358979323846264338327950288")

PREFIXES: Final[dict[str, Fraction]] = {
    "f": Fraction(1, 10**15),
    "p": Fraction(1, 10**12),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "c": Fraction(1, 100),
    "d": Fraction(1, 10),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
}
"""Decimal prefixes of the symbols that take them."""

_LONG_PREFIXES = {
    "femto": "f",
    "pico": "p",
    "nano": "n",
    "micro": "u",
    "milli": "m",
    "centi": "c",
    "deci": "d",
    "kilo": "k",
    "mega": "M",
    "giga": "G",
}

# symbol: (exact factor, exponents, the prefixes it takes)
_SYMBOLS: dict[str, tuple[Fraction, tuple[int, ...], str]] = {
    "s": (Fraction(1), _TIME, "fpnum"),
    "m": (Fraction(10**6), _LENGTH, "fpnumcdk"),
    "g": (Fraction(10**21), _MASS, "fpnumk"),
    "L": (Fraction(10**15), _VOLUME, "fpnumcd"),
    "mol": (Fraction(10**24), _AMOUNT, "fpnumk"),
    "M": (Fraction(10**9), _MOLAR, "fpnum"),
    "Da": (Fraction(1, 1000), _MOLAR_MASS, "kM"),
    "Pa": (1 / _MMHG, _PRESSURE, "umkM"),
    "bar": (100000 / _MMHG, _PRESSURE, "m"),
    "N": (Fraction(10**12) / _MMHG, _exponents(pressure=1, length=2), "pnum"),
    "J": (Fraction(10**18) / _MMHG, _ENERGY, "pnumk"),
    "W": (Fraction(10**18) / _MMHG, _exponents(pressure=1, length=3, time=-1), "num"),
    "Bq": (Fraction(1), _exponents(radioactivity=1), "mkMG"),
    "Ci": (Fraction(37 * 10**9), _exponents(radioactivity=1), "pnum"),
    "Gy": (Fraction(1), _exponents(absorbed_dose=1), "mcuk"),
    "IU": (Fraction(1), _exponents(biological_activity=1), "umkM"),
    "U": (Fraction(1), _exponents(biological_activity=1), "umkM"),
    "K": (Fraction(1), _exponents(temperature=1), "m"),
    "Hz": (Fraction(1), _exponents(time=-1), "mkM"),
    "rad": (Fraction(1), _exponents(angle=1), "m"),
}

_PLAIN: dict[str, tuple[Fraction, tuple[int, ...]]] = {
    "min": (Fraction(60), _TIME),
    "h": (Fraction(3600), _TIME),
    "d": (Fraction(86400), _TIME),
    "week": (Fraction(7 * 86400), _TIME),
    "month": (Fraction(36525 * 864, 12), _TIME),
    "year": (Fraction(36525 * 864), _TIME),
    "angstrom": (Fraction(1, 10**4), _LENGTH),
    "mmHg": (Fraction(1), _PRESSURE),
    "cmH2O": (Fraction("98.0665") / _MMHG, _PRESSURE),
    "atm": (Fraction(101325) / _MMHG, _PRESSURE),
    "torr": (Fraction(101325, 760) / _MMHG, _PRESSURE),
    "molecule": (Fraction(10**24) / _AVOGADRO, _AMOUNT),
    "cell": (Fraction(1), _exponents(cells=1)),
    "deg": (_PI / 180, _exponents(angle=1)),
    "%": (Fraction(1, 100), _NONE),
    "ppm": (Fraction(1, 10**6), _NONE),
    "dimensionless": (Fraction(1), _NONE),
    "fraction": (Fraction(1), _NONE),
    "delta_degC": (Fraction(1), _exponents(temperature=1)),
}

_ALIASES = {
    "l": "L",
    "sec": "s",
    "second": "s",
    "minute": "min",
    "hr": "h",
    "hour": "h",
    "day": "d",
    "wk": "week",
    "yr": "year",
    "meter": "m",
    "metre": "m",
    "micron": "um",
    "gram": "g",
    "liter": "L",
    "litre": "L",
    "mole": "mol",
    "molar": "M",
    "dalton": "Da",
    "pascal": "Pa",
    "newton": "N",
    "joule": "J",
    "watt": "W",
    "becquerel": "Bq",
    "curie": "Ci",
    "gray": "Gy",
    "kelvin": "K",
    "hertz": "Hz",
    "radian": "rad",
    "degree": "deg",
    "percent": "%",
    "unit": "IU",
    "cc": "mL",
    "mcg": "ug",
    "millimeter_Hg": "mmHg",
    "centimeter_H2O": "cmH2O",
    "standard_atmosphere": "atm",
}


def _build() -> dict[str, tuple[str, Fraction, tuple[int, ...]]]:
    """Return every accepted spelling with its canonical symbol, factor and exponents."""
    units: dict[str, tuple[str, Fraction, tuple[int, ...]]] = {}
    for symbol, (value, powers, prefixes) in _SYMBOLS.items():
        units[symbol] = (symbol, value, powers)
        for prefix in prefixes:
            units[prefix + symbol] = (prefix + symbol, PREFIXES[prefix] * value, powers)
    for symbol, (value, powers) in _PLAIN.items():
        units[symbol] = (symbol, value, powers)
    for alias, symbol in _ALIASES.items():
        units.setdefault(alias, units[symbol])
        if len(alias) > 2:
            units.setdefault(alias + "s", units[symbol])
        for long, short in _LONG_PREFIXES.items():
            if len(alias) > 3 and symbol in _SYMBOLS and short in _SYMBOLS[symbol][2]:
                units[long + alias] = units[short + symbol]
                units[long + alias + "s"] = units[short + symbol]
    for prefix in "munpcd":  # the liter is written with either letter
        if f"{prefix}L" in units:
            units[f"{prefix}l"] = units[f"{prefix}L"]
    units["cells"] = units["cell"]
    units["molecules"] = units["molecule"]
    return units


UNITS: Final = _build()
"""Every accepted spelling: canonical symbol, exact factor to internal units, exponents."""


def lookup(name: str) -> tuple[str, Fraction, tuple[int, ...]] | None:
    """Return canonical symbol, factor and exponents of a unit name, or None if unknown."""
    found = UNITS.get(name)
    if found is None and name[:1] in "\u00b5\u03bc":  # micro sign, Greek mu
        found = UNITS.get("u" + name[1:])
    return found
