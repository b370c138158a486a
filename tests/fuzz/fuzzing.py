"""Runs a fuzz target: with atheris where it is installed, otherwise with random mutations.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence


def mutate(rng: random.Random, seeds: Sequence[str], words: Sequence[str]) -> str:
    """Return a text made from seeds and words by a few random changes."""
    if rng.random() < 0.1:
        return " ".join(rng.choice(words) for _ in range(rng.randrange(12)))
    text = rng.choice(seeds)
    for _ in range(1 + rng.randrange(6)):
        start = rng.randrange(len(text) + 1)
        stop = min(len(text), start + rng.randrange(8))
        kind = rng.randrange(6)
        if kind == 0:  # leave something out
            text = text[:start] + text[stop:]
        elif kind == 1:  # repeat something
            text = text[:stop] + text[start:]
        elif kind == 2:  # put in a word
            text = text[:start] + rng.choice(["", " "]) + rng.choice(words) + text[start:]
        elif kind == 3:  # put a word in the place of something
            text = text[:start] + rng.choice(words) + text[stop:]
        elif kind == 4:  # any character
            text = (
                text[:start]
                + chr(rng.choice([rng.randrange(128), rng.randrange(0x3000)]))
                + (text[start + 1 :])
            )
        else:  # splice with another seed
            other = rng.choice(seeds)
            text = text[:start] + other[rng.randrange(len(other) + 1) :]
    return text[:2000]


def run(one: Callable[[str], None], seeds: Sequence[str], words: Sequence[str], name: str) -> None:
    """Run a target as the command line says and report the number of executions.

    Options: ``--runs N`` executions (100000), ``--seed S`` (0), ``--seconds T`` stops earlier,
    ``--random`` does not use atheris.
    """
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--random", action="store_true", help="random mutations only")
    options = parser.parse_args()
    try:
        if options.random:
            raise ImportError
        import atheris
    except ImportError:
        _run_random(one, seeds, words, options)
    else:
        _run_atheris(atheris, one, seeds, words, options)


def _run_random(one, seeds, words, options):  # type: ignore[no-untyped-def]
    rng = random.Random(options.seed)
    start = time.monotonic()
    done = 0
    while done < options.runs:
        text = mutate(rng, seeds, words)
        try:
            one(text)
        except BaseException:
            print(f"execution {done} failed with the input\n{text!r}", file=sys.stderr)
            raise
        done += 1
        if options.seconds and time.monotonic() - start > options.seconds:
            break
    print(f"{done} random executions in {time.monotonic() - start:.0f} s, nothing found")


def _run_atheris(atheris, one, seeds, words, options):  # type: ignore[no-untyped-def]
    import tempfile
    from pathlib import Path

    def target(data: bytes) -> None:
        one(data.decode("utf-8", "replace"))

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            Path(corpus, str(number)).write_text(seed, encoding="utf-8")
        dictionary = Path(folder, "words")
        spelled = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in words if word)
        lines = [f'"{word}"' for word in spelled]
        dictionary.write_text("\n".join(lines), encoding="ascii")
        arguments = [sys.argv[0], f"-runs={options.runs}", f"-seed={options.seed + 1}",
                     "-max_len=400", f"-dict={dictionary}",
                     # atheris 3.0 loses some 5 kB an execution where arrays are compared
                     "-rss_limit_mb=8192"]  # fmt: skip
        if options.seconds:
            arguments.append(f"-max_total_time={int(options.seconds)}")
        atheris.instrument_all()
        atheris.Setup([*arguments, str(corpus)], target)
        atheris.Fuzz()
