"""The command line: ``krogh simulate``, ``krogh models``, ``krogh cite``, ``krogh doctor``.

SPDX-License-Identifier: BSD-3-Clause

Exit codes: 0 done, 1 a check of the doctor failed or an error inside krogh, 2 wrong input or a
numerical failure (printed as a message with its code), 130 interrupted.
"""

from krogh.cli.commands import app, main

__all__ = ["app", "main"]
