"""Outputs of a run by name, computed when they are asked for.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from krogh.labeled import LabeledArray

__all__ = ["Outputs"]


class Outputs(Mapping[str, LabeledArray]):
    """A mapping of names to arrays that computes each array once, when it is first read.

    Parameters
    ----------
    names
        In order.
    compute
        Returns the array of a name.
    """

    def __init__(self, names: Iterable[str], compute: Callable[[str], LabeledArray]) -> None:
        self._names = tuple(names)
        self._compute = compute
        self._known: dict[str, LabeledArray] = {}

    def __getitem__(self, name: str) -> LabeledArray:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = self._compute(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
