"""The exit code after Ctrl-C.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

__all__ = ["forget_interrupt"]


def forget_interrupt() -> None:
    """Let a handled Ctrl-C end with the exit code that is returned.

    CPython (3.8 and later, ``run_eval_code_obj`` in pythonrun.c) takes note of a KeyboardInterrupt
    that passes through an ``exec`` of text, as imports with dataclasses run it, and at the end
    kills the process by SIGINT even where the exception was handled.  The next ``exec`` of text
    that ends well clears the note.
    """
    exec("")
