"""Files that appear under their name only when they are whole.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from krogh.errors import SpecError

__all__ = ["cannot_write", "make_folder", "sync", "write_hdf5", "write_whole"]

_WHY: Final = {
    errno.ENOSPC: "the disk is full; free some space, or write to another disk",
    errno.EDQUOT: "your quota on this disk is used up; free some space, or write elsewhere",
    errno.EACCES: "you may not write there; choose another folder",
    errno.EPERM: "you may not write there; choose another folder",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENOENT: "the folder does not exist; make it first, or choose another",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another name",
    errno.EISDIR: "there is a folder of that name; choose another name",
    errno.EEXIST: "there is a file of that name; choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EIO: "the disk reports an error; write to another disk",
    errno.EFBIG: "the file would be larger than the limit here; write to another disk, or less",
}


def _reason(error: BaseException) -> str:
    """Return why a file could not be written, in words where the system's number is known."""
    number = getattr(error, "errno", None)
    if number is None:  # HDF5 states the number of the system inside of its text
        text = str(error)
        number = next((n for n in _WHY if f"errno = {n}," in text), None)
    if number in _WHY:
        return _WHY[number]
    return str(error)


def cannot_write(path: Path, error: OSError) -> SpecError:
    """Return the error that says that, and why, a file cannot be written."""
    return SpecError(f"KG-133: {str(path)!r} cannot be written: {_reason(error)}.")


def make_folder(folder: Path) -> Path:
    """Make a folder with its parents where it is not there yet.

    Raises
    ------
    SpecError
        KG-133 where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"KG-133: the folder {str(folder)!r} cannot be made: {_reason(error)}."
        ) from error
    return folder


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # folders cannot be opened there
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise  # some file systems cannot sync a folder
    finally:
        os.close(handle)


def write_whole(path: str | Path, write: Callable[[Path], Any]) -> Path:
    """Let `write` make a file beside `path`, then put it in its place at once.

    Whatever interrupts the writing (an error, Ctrl-C, a full disk), an older file of that name
    stays as it was, and nothing half-written is left behind.  The bytes are on the disk before the
    name is: whoever finds the name finds the whole file, even after a crash or a loss of power.

    Parameters
    ----------
    path
        Where the file is to be.
    write
        Called with the path of a temporary file of the same suffix in the same folder.

    Raises
    ------
    SpecError
        KG-133 for a path that cannot be written, a full disk, or a name that is no ordinary file
        (``/dev/full``).
    """
    path = Path(path)
    if path.is_dir():
        raise SpecError(f"KG-133: {str(path)!r} cannot be written: {_WHY[errno.EISDIR]}.")
    if path.exists() and not path.is_file():
        raise SpecError(
            f"KG-133: {str(path)!r} cannot be written: it is a device or a pipe, no file."
        )
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".krogh-", suffix=path.suffix)
    except OSError as error:
        raise cannot_write(path, error) from error
    os.close(handle)
    try:
        write(Path(name))
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        sync(Path(name))
        os.replace(name, path)
        sync(path.parent)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def write_hdf5(path: str | Path, fill: Callable[[Any], Any], purpose: str) -> Path:
    """Let `fill` put its content into an HDF5 file, which then appears whole.

    The file is made in memory: HDF5 that fails to write a part of a file on a full disk cannot
    close it any more and may end the program, and with it what was not saved yet.

    Parameters
    ----------
    path
        Where the file is to be.
    fill
        Called with an open ``h5py.File``.
    purpose
        What needs h5py, for the message where it is missing.

    Raises
    ------
    SpecError
        KG-133 for a path that cannot be written, or a full disk.
    MissingExtra
        KG-901 without h5py.
    """
    from krogh.table import require_extra

    h5py = require_extra("h5py", purpose)

    def write(temporary: Path) -> None:
        with h5py.File(str(temporary), "w", driver="core", backing_store=False) as file:
            fill(file)
            file.flush()
            content: bytes = file.id.get_file_image()
        temporary.write_bytes(content)

    return write_whole(path, write)
