"""``python -m krogh``: the command line.

SPDX-License-Identifier: BSD-3-Clause
"""

from krogh.cli import main

if __name__ == "__main__":
    main()
