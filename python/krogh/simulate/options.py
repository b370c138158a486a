"""Checks of the options that points, lines and volumes share.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from krogh.errors import SpecError, did_you_mean

__all__ = ["check_options"]


def check_options(
    rtol: Any,
    max_steps: Any,
    num_threads: Any,
    on_failure: Any,
    *,
    least_rtol: float,
    ways: Sequence[str],
    method: Any = None,
    methods: Sequence[str] = (),
) -> None:
    """Require options of a solver that make sense.

    Parameters
    ----------
    rtol, max_steps, num_threads, on_failure, method
        As the caller gave them.
    least_rtol
        The smallest relative tolerance of the solver; the largest is 0.1.
    ways
        What `on_failure` may be.
    methods
        What `method` may be; without any there is no choice.

    Raises
    ------
    SpecError
        KG-119, naming the option.
    """
    if not (isinstance(rtol, (int, float)) and least_rtol <= rtol <= 0.1):
        raise SpecError(f"KG-119: rtol must lie between {least_rtol:g} and 0.1, not {rtol!r}.")
    if methods and method not in methods:
        raise SpecError(
            f"KG-119: unknown method {method!r}.{did_you_mean(str(method), methods)}"
            f"  Methods: {', '.join(methods)}."
        )
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1:
        raise SpecError(f"KG-119: max_steps must be a positive whole number, not {max_steps!r}.")
    if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 0:
        raise SpecError(
            f"KG-119: num_threads must be 0 (as many as are granted) or more, not {num_threads!r}."
        )
    if on_failure not in ways:
        listed = ", ".join(repr(way) for way in ways[:-1])
        raise SpecError(f"KG-119: on_failure must be {listed} or {ways[-1]!r}, not {on_failure!r}.")
