"""Data that come with krogh, and where the parts of an installation lie.

SPDX-License-Identifier: BSD-3-Clause

Each data set is a CSV file with a TOML file of the same name beside it that states its units,
covariates and source.
"""

from __future__ import annotations

from pathlib import Path

from krogh.errors import SpecError, did_you_mean

__all__ = ["cmake_dir", "names", "path"]

_FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Return the names of the data sets that come with krogh."""
    return sorted(file.stem for file in _FOLDER.glob("*.csv"))


def path(name: str) -> Path:
    """Return the CSV file of a data set.

    Parameters
    ----------
    name
        One of `names`, such as ``"erlotinib_plasma"``.

    Raises
    ------
    SpecError
        KG-130 for an unknown name.
    """
    file = _FOLDER / f"{name}.csv"
    if name not in names():
        raise SpecError(
            f"KG-130: no data set {name!r} comes with krogh.{did_you_mean(name, names())}\n"
            f"  There are: {', '.join(names())}."
        )
    return file


def cmake_dir() -> Path:
    """Return the folder of the CMake package files, for ``-Dkrogh_DIR=``.

    Raises
    ------
    SpecError
        KG-131 where this installation has none, as when the package is used from its source tree.
    """
    folder = _FOLDER.parent / "lib" / "cmake" / "krogh"
    if not (folder / "krogh-config.cmake").is_file():
        raise SpecError(
            f"KG-131: there are no CMake files in {folder}: krogh is used from its source tree.\n"
            "  Install it (pip install .), or install the C++ library (cmake --install)."
        )
    return folder
