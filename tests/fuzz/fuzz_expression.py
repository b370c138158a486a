"""Fuzz target: any text through the expression parser, its printers and the dimension analysis.

SPDX-License-Identifier: BSD-3-Clause

Run ``python tests/fuzz/fuzz_expression.py --runs 1000000``.  With atheris installed the bytes come
from libFuzzer, else from a seeded generator that glues tokens of the language, mutates well-formed
expressions and adds noise.  Only krogh's own errors may escape the parser; what it accepts must
print to text that reads back to an equal tree.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time

from krogh.errors import Error
from krogh.model.dimensions import Scope, dimension_of
from krogh.model.expression import symbols_of
from krogh.model.grammar import parse
from krogh.model.notation import to_html, to_latex
from krogh.units import dimension

_UNITS = {"C": "nM", "k": "1/h", "V": "L", "n": "dimensionless", "A": "mg", "t": "s"}
_SCOPE = Scope(
    lambda name: dimension(_UNITS.get(name, "dimensionless")),
    _UNITS.get,
    {"f": (dimension("h"), dimension("mg/h"))},
)


def check(text: str) -> bool:
    """Put one text through everything; True where it was a valid expression."""
    try:
        tree = parse(text)
    except Error:
        return False
    printed = str(tree)
    assert parse(printed) == tree, (text, printed)
    assert str(parse(printed)) == printed, (text, printed)
    to_latex(tree)
    to_html(tree)
    symbols_of(tree)
    try:
        dimension_of(tree, _SCOPE, "fuzz")
    except Error:
        return False
    return True


_TOKENS = (
    *("C", "k", "V", "n", "A", "t", "pi", "x.y", "_a1", "and", "or", "not", "if", "f", "foo"),
    *("+", "-", "*", "/", "^", "**", "(", ")", ",", "<", "<=", ">", ">=", "==", "!=", "[", "]"),
    *("1", "0", "2.5", "1e-3", ".5", "1e400", "7[nM]", "3[1/h]", "0[h]", "5[", "2[m^]", "1[%]"),
    *("exp(", "log(", "min(", "hill(", "if(", "sqrt(", "abs(", "gamma(", "C>5[nM]", " ", "\n"),
    *("\u00b5", "\u2212", "\x00", "'", "\\", "$", "1_0", "0x1", "\u0661", "nan", "inf", "e5"),
)
_SEEDS = (
    "kon*C*S/eps - koff*B",
    "if(C > 5[nM] and not (t < 2[h] or A >= 0[mg]), k*C, 0)",
    "hill(C, 3[nM], n)*michaelis_menten(C, 1[nM/h], 2[nM])",
    "-k^-2^n*(V/(2[L]))^0.75 + min(k, 1[1/h], max(0, k))",
    "f(t)/V*exp(-k*t)*f(2[h] + t)",
)


def random_text(rng: random.Random) -> str:
    """Return a text that is near the language, or far from it."""
    kind = rng.random()
    if kind < 0.5:
        return "".join(rng.choice(_TOKENS) for _ in range(rng.randrange(1, 14)))
    if kind < 0.9:
        text = list(rng.choice(_SEEDS))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(text))
            action = rng.random()
            if action < 0.4:
                text[at] = rng.choice(_TOKENS)
            elif action < 0.7:
                text.insert(at, rng.choice(_TOKENS))
            elif len(text) > 1:
                del text[at]
        return "".join(text)
    if kind < 0.99:
        return "".join(chr(rng.randrange(1, 0x2FF)) for _ in range(rng.randrange(0, 20)))
    repeated = rng.choice(("(", "-", "a^", "not ", "exp(", "a<b and ", "1+", "a*", "[", "((a)+"))
    return repeated * rng.randrange(1, 3000) + rng.choice(("a", "", ")", "a<b"))


def fuzz_random(runs: int, seed: int, seconds: float) -> tuple[int, int]:
    """Run the target on seeded random texts; return executions and how many were valid."""
    rng = random.Random(seed)
    stop = time.process_time() + seconds
    valid = 0
    for i in range(runs):
        valid += check(random_text(rng))
        if i % 1000 == 0 and time.process_time() > stop:
            return i + 1, valid
    return runs, valid


def main() -> None:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--seconds", type=float, default=float("inf"), help="of processor time")
    arguments.add_argument("--random", action="store_true", help="seeded generator only")
    options = arguments.parse_args()
    try:
        if options.random:
            raise ImportError
        import atheris
    except ImportError:
        done, valid = fuzz_random(options.runs, options.seed, options.seconds)
        print(f"{done} executions, {valid} valid expressions, nothing found")
        return

    def target(data: bytes) -> None:
        check(data.decode("utf-8", errors="replace"))

    atheris.instrument_all()
    flags = [f"-runs={options.runs}", f"-seed={options.seed + 1}"]
    flags.append(f"-artifact_prefix={tempfile.gettempdir()}/")
    if options.seconds < float("inf"):
        flags.append(f"-max_total_time={int(options.seconds)}")
    atheris.Setup([sys.argv[0], *flags], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
