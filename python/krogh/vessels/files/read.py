"""One function that reads every kind of vessel file by its name.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from krogh.errors import DataError
from krogh.vessels.files.dgf import read_dgf
from krogh.vessels.files.polydata import read_vtp
from krogh.vessels.files.secomb import read_secomb
from krogh.vessels.files.swc import read_swc
from krogh.vessels.files.tables import read_csv
from krogh.vessels.network import VesselNetwork

__all__ = ["read"]

_READERS: dict[str, Callable[..., VesselNetwork]] = {
    ".dat": read_secomb,
    ".dgf": read_dgf,
    ".swc": read_swc,
    ".vtp": read_vtp,
}


def read(path: str | Path, *, connected: bool = False, **options: Any) -> VesselNetwork:
    """Return the vessel network of a file, read by the ending of its name.

    Parameters
    ----------
    path
        ``.dat`` (Secomb's network.dat), ``.dgf``, ``.swc``, ``.vtp``; or, for CSV, a folder with
        ``nodes.csv`` and ``segments.csv``, or the file ``..._segments.csv`` beside
        ``..._nodes.csv``.
    connected
        Whether a network of several parts is an error (KG-183).
    options
        Of the format: ``unit=`` of length for .dgf and .vtp, ``parameter=`` and ``is_radius=`` for
        .dgf, ``radius=`` or ``diameter=`` for .vtp.

    Raises
    ------
    DataError
        KG-185 for an unknown ending or option, KG-186 for a file that cannot be read, KG-180 to
        KG-184 for a network that is wrong; all say where.
    UnitError
        KG-126 where a unit is not stated.

    Examples
    --------
    >>> network = krogh.vessels.read("tumor.network.dat")  # doctest: +SKIP
    """
    place = Path(path)
    pair = _csv_pair(place)
    reader = _READERS.get(place.suffix.lower())
    if pair is None and reader is None:
        raise DataError(
            f"KG-185: {place.name}: vessels are read from .dat (Secomb), .dgf, .swc, .vtp,"
            " a folder with nodes.csv and segments.csv, or ..._segments.csv; segmented images with"
            " krogh.vessels.from_mask."
        )
    try:
        network = read_csv(*pair) if pair else reader(place, **options) if reader else None
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise DataError(f"KG-185: {place.name}: {error}.") from error
    assert network is not None
    if pair and options:
        raise DataError(f"KG-185: CSV files take no option {', '.join(options)}.")
    return network.require_connected() if connected else network


def _csv_pair(path: Path) -> tuple[Path, Path] | None:
    """Return the files of nodes and segments that a path stands for, if it is CSV."""
    if path.is_dir():
        return path / "nodes.csv", path / "segments.csv"
    if path.name.endswith("segments.csv"):
        return path.with_name(path.name.removesuffix("segments.csv") + "nodes.csv"), path
    return None
