"""Ctrl-C: that it is not lost, and the exit code after it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["forget_interrupt", "kept_interrupts"]


def forget_interrupt() -> None:
    """Let a handled Ctrl-C end with the exit code that is returned.

    CPython (3.8 and later, ``run_eval_code_obj`` in pythonrun.c) takes note of a KeyboardInterrupt
    that passes through an ``exec`` of text, as imports with dataclasses run it, and at the end
    kills the process by SIGINT even where the exception was handled.  The next ``exec`` of text
    that ends well clears the note.
    """
    exec("")


@contextmanager
def kept_interrupts() -> Iterator[None]:
    """Raise a Ctrl-C again that struck where exceptions are only reported.

    Within a finalizer or the callback of a weak reference Python prints a KeyboardInterrupt and
    goes on, and the run would not stop.
    """
    before = sys.unraisablehook
    lost: list[threading.Timer] = []

    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        again = threading.Timer(0.02, _thread.interrupt_main)  # once this hook is left
        again.daemon = True
        lost.append(again)
        again.start()

    sys.unraisablehook = hook
    try:
        yield
        if any(again.is_alive() for again in lost):
            raise KeyboardInterrupt
    finally:
        for again in lost:
            again.cancel()
        sys.unraisablehook = before
