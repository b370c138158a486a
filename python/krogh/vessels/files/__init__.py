"""Files of vessels: Secomb's network.dat, DGF, SWC, VTK PolyData, CSV.

SPDX-License-Identifier: BSD-3-Clause
"""

from krogh.vessels.files.read import read
from krogh.vessels.files.tables import read_csv, write_csv
from krogh.vessels.files.write import write

__all__ = ["read", "read_csv", "write", "write_csv"]
