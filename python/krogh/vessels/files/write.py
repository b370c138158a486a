"""One function that writes a vessel network by the ending of the name.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path

from krogh.errors import DataError
from krogh.vessels.files.paths import written
from krogh.vessels.files.polydata import vtp_text
from krogh.vessels.files.tables import write_csv
from krogh.vessels.network import VesselNetwork

__all__ = ["write"]


def write(network: VesselNetwork, path: str | Path, *, encoding: str = "base64") -> Path:
    """Write a network to a .vtp file, or to ``..._nodes.csv`` and ``..._segments.csv``.

    Parameters
    ----------
    network
        The vessels.
    path
        Ending in ``.vtp``, or in ``segments.csv`` (the nodes go beside it), or an existing folder
        (``nodes.csv`` and ``segments.csv``).
    encoding
        Of the .vtp file: ``"base64"`` or ``"ascii"``; both keep every bit.

    Notes
    -----
    A .vtp file keeps no boundary conditions and no names; the CSV files do.

    Raises
    ------
    DataError
        KG-185 for another ending.
    SpecError
        KG-133 if a file cannot be written.
    """
    place = Path(path)
    if place.is_dir():
        write_csv(network, place / "nodes.csv", place / "segments.csv")
    elif place.name.endswith("segments.csv"):
        nodes = place.with_name(place.name.removesuffix("segments.csv") + "nodes.csv")
        write_csv(network, nodes, place)
    elif place.suffix.lower() == ".vtp":
        written(place, vtp_text(network, encoding=encoding))
    else:
        raise DataError(
            f"KG-185: {place.name}: vessels are written as .vtp, as ..._segments.csv, or to a"
            " folder."
        )
    return place
