"""What a vessel network must satisfy, and the messages that say where it does not.

SPDX-License-Identifier: BSD-3-Clause

Codes: KG-180 arrays that do not fit together, KG-181 a value that is not finite or out of range,
KG-182 a segment that goes nowhere or stands twice, KG-183 parts or nodes that are not connected.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.units import Quantity, parse_quantity

__all__ = [
    "check_graph",
    "check_values",
    "counts_of",
    "first_few",
    "length_um",
    "lengths_um",
    "numbers",
    "summed",
    "whole_numbers",
]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def length_um(value: Any, what: str) -> float:
    """Return a length given with its unit in um; UnitError if it has none or another dimension."""
    return _in(value, what, "um")


def _in(value: Any, what: str, unit: str) -> float:
    quantity: Quantity = parse_quantity(value, what)
    return float(quantity.to(unit))


def lengths_um(value: Any, what: str, count: int = 3) -> Floats:
    """Return `count` lengths in um: one for all, or one for each of x, y and z."""
    if isinstance(value, str | Quantity) or not np.iterable(value) or _is_pair(value):
        return np.full(count, length_um(value, what))
    given = [length_um(item, what) for item in value]
    if len(given) != count:
        raise DataError(f"KG-185: {what} needs {count} lengths (x, y, z), found {len(given)}.")
    return np.array(given)


def _is_pair(value: Any) -> bool:
    """Return whether `value` is a number and its unit."""
    return isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], str)


def first_few(items: Iterable[Any], count: int = 5) -> str:
    """Return the first items as text, and how many more there are."""
    listed = list(items)
    text = ", ".join(str(item) for item in listed[:count])
    more = len(listed) - count
    return f"{text} and {more} more" if more > 0 else text


def numbers(value: Any, shape: tuple[int | None, ...], what: str) -> Floats:
    """Return a read-only copy as float64 of the wanted shape; None is any extent.

    Raises
    ------
    DataError
        KG-180 for another shape or something that holds no numbers.
    """
    try:
        array = np.array(value, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise DataError(f"KG-180: {what} must be numbers ({error}).") from error
    wanted = " x ".join("n" if extent is None else str(extent) for extent in shape)
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        have = " x ".join(str(extent) for extent in array.shape) or "a single number"
        raise DataError(f"KG-180: {what} must have the shape {wanted}, not {have}.")
    array.flags.writeable = False
    return array


def whole_numbers(value: Any, shape: tuple[int | None, ...], what: str) -> Indices:
    """Return a read-only copy as integers; KG-180 for fractions and other shapes."""
    array = numbers(value, shape, what)
    # Above 2^53 a float no longer holds every whole number.
    wrong = np.flatnonzero(~((np.abs(array) <= 2.0**53) & (array == np.floor(array))))
    if wrong.size:
        raise DataError(
            f"KG-180: {what} must be whole numbers; {array.flat[wrong[0]]!r} is none"
            f" (entry {wrong[0]})."
        )
    found = array.astype(np.intp)
    found.flags.writeable = False
    return found


def counts_of(segments: Indices, num_nodes: int) -> Indices:
    """Return how many segments meet at each node."""
    return np.bincount(segments.ravel(), minlength=num_nodes)


def summed(index: Indices, values: Floats, count: int) -> Floats:
    """Return the sums of values of equal index, shape (count,)."""
    return np.bincount(index, weights=values, minlength=count).astype(np.float64)


def check_values(
    array: Floats,
    what: str,
    *,
    positive: bool = False,
    low: float | None = None,
    high: float | None = None,
    item: str = "segment",
) -> None:
    """Raise KG-181 where values are not finite, not positive, or outside [low, high]."""
    if array.size == 0:
        return
    rows = array.reshape(array.shape[0], -1)

    def complain(wrong: NDArray[np.bool_], why: str) -> None:
        places = np.flatnonzero(wrong.any(axis=1))
        if places.size:
            value = rows[places[0]]
            shown = value[0] if value.size == 1 else value.tolist()
            raise DataError(
                f"KG-181: {what} {why} in {item} {first_few(places)} (counted from 0);"
                f" the first is {shown}."
            )

    complain(~np.isfinite(rows), "is not finite")
    if positive:
        complain(rows <= 0.0, "must be positive and is not")
    if low is not None:
        complain(rows < low, f"is below {low:g}")
    if high is not None:
        complain(rows > high, f"is above {high:g}")


def check_graph(nodes: Floats, segments: Indices) -> None:
    """Raise unless every segment joins two different places, once, and every node is used.

    Raises
    ------
    DataError
        KG-180 for a node that does not exist, KG-182 for a segment from a node to itself, of
        length zero, or given twice, KG-183 for a node without a segment.
    """
    if segments.size == 0:
        raise DataError("KG-180: the network has no segment.")
    outside = np.flatnonzero(((segments < 0) | (segments >= len(nodes))).any(axis=1))
    if outside.size:
        pair = segments[outside[0]].tolist()
        raise DataError(
            f"KG-180: segment {first_few(outside)} (counted from 0) joins nodes that do not exist:"
            f" {pair[0]} and {pair[1]}, with {len(nodes)} nodes counted from 0."
        )
    selves = np.flatnonzero(segments[:, 0] == segments[:, 1])
    if selves.size:
        raise DataError(
            f"KG-182: segment {first_few(selves)} (counted from 0) goes from node"
            f" {segments[selves[0], 0]} to itself.  `krogh.vessels.repaired` removes such segments."
        )
    length = np.linalg.norm(nodes[segments[:, 1]] - nodes[segments[:, 0]], axis=1)
    empty = np.flatnonzero(length == 0.0)
    if empty.size:
        pair = segments[empty[0]].tolist()
        raise DataError(
            f"KG-182: segment {first_few(empty)} (counted from 0) has length zero: nodes {pair[0]}"
            f" and {pair[1]} both lie at {nodes[pair[0]].tolist()} um."
            "  `krogh.vessels.repaired` joins such nodes."
        )
    ordered = np.sort(segments, axis=1)
    _, first, inverse = np.unique(ordered, axis=0, return_index=True, return_inverse=True)
    twice = np.flatnonzero(first[inverse.ravel()] != np.arange(len(segments)))
    if twice.size:
        original = first[inverse.ravel()[twice[0]]]
        raise DataError(
            f"KG-182: segment {first_few(twice)} (counted from 0) stands twice: {twice[0]} joins"
            f" the nodes of segment {original}.  `krogh.vessels.repaired` removes such segments;"
            " two vessels between the same nodes need a node between."
        )
    unused = np.flatnonzero(counts_of(segments, len(nodes)) == 0)
    if unused.size:
        raise DataError(
            f"KG-183: node {first_few(unused)} (counted from 0) has no segment."
            "  `krogh.vessels.repaired` removes such nodes."
        )
