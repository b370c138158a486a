"""A progress bar for runs that take longer than two seconds.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Callback", "ProgressBar", "chosen_progress"]

PATIENCE: Final = 2.0
"""Seconds before a bar appears."""

Callback = Callable[[int, int, float], Any]


class ProgressBar:
    """Shows subjects done, and the time left, with rich; appears after `PATIENCE` seconds."""

    def __init__(self, label: str = "simulating") -> None:
        self._label = label
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, done: int, total: int, seconds: float) -> bool:
        """Take note of progress."""
        if self._bar is None:
            if seconds < PATIENCE:
                return True
            self._open(total)
        self._bar.update(self._task, completed=done)
        return True

    def _open(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=not _in_notebook()),
            refresh_per_second=5,
            transient=True,
        )
        self._task = self._bar.add_task(self._label, total=total)
        self._bar.start()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


def chosen_progress(progress: bool | Callback | None, label: str = "simulating") -> Callback | None:
    """Return the callback for a choice: None shows a bar on a terminal or in a notebook."""
    if callable(progress):
        return progress
    if progress is None:
        progress = _in_notebook() or bool(getattr(sys.stderr, "isatty", bool)())
    return ProgressBar(label) if progress else None
