"""``python -m krogh``: the command line, and ``--cmake-dir`` for CMake projects.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys


def _run() -> None:
    if sys.argv[1:] == ["--cmake-dir"]:
        from krogh.data import cmake_dir

        sys.stdout.write(f"{cmake_dir()}\n")
        return
    from krogh.cli import main

    main()


if __name__ == "__main__":
    _run()
