"""The images of a tumour on one grid: tissue, and the channels that show vessels, cells, targets.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError
from krogh.io.image import Image
from krogh.library.tumour_spec import Tumour

__all__ = ["Parts", "image_of"]

Bools = NDArray[np.bool_]

_CHANNELS: Final = {
    "vessels": ("CD31", "vessels"),
    "target": ("target",),
    "nuclei": ("Hoechst", "DAPI", "nuclei"),
    "drug": ("drug",),
}
"""Names by which a channel is known where none is said."""


class Parts:
    """The images that were given, on one grid."""

    def __init__(self, cells: Tumour, image: Any, mask: Any, label: int | None, surface: Any):
        self.targets = tuple(cells.targets)
        self.image = image_of(image, "image")
        first = self.image
        if first is None:
            given = (("surface", surface), ("mask", mask))
            first = next((m for m in (image_of(v, n) for n, v in given) if m is not None), None)
        if first is None:
            raise DataError(
                "KG-231: from_image needs a krogh.io.Image or a path: an image with channels, or"
                " surface=... and mask=...."
            )
        self.name, self.grid = first.name, first.grid
        self.tissue = self._tissue(mask, label)

    def _tissue(self, mask: Any, label: int | None) -> Bools:
        if mask is None:
            if label is not None:
                raise SpecError("KG-112: a label needs the mask that has it: mask=....")
            return np.ones(self.grid.shape, dtype=bool)
        if isinstance(mask, str) and self.image is not None and mask in self.image.channels:
            return self.image[mask].mask(label)
        if isinstance(mask, np.ndarray):
            mask = Image(mask, self.grid, name="mask")
        found = image_of(mask, "mask")
        assert found is not None  # it was given
        return self.on_grid(found, "mask").mask(label)

    def on_grid(self, image: Image, what: str) -> Image:
        """Return an image that shares the grid; DataError KG-233 says what differs."""
        if image.grid is not self.grid:
            self.grid.same_as(image.grid, (f"the {self.name}", f"the {what}"))
        return image.renamed(what) if image.name == "image" else image

    def known_channels(self) -> str:
        """Return the channels of the image, in words."""
        if self.image is None or not self.image.channels:
            return ""
        return f"  The image has the channels {', '.join(self.image.channels)}."

    def part(self, kind: str, given: Any, names: tuple[str, ...] = ()) -> Image | None:
        """Return what is known of vessels, target, nuclei or drug; None for nothing."""
        if given is False:
            return None
        if given is None:
            return self._known(kind, (*_CHANNELS[kind], *names))
        if isinstance(given, Image):
            return self.on_grid(given, kind)
        if isinstance(given, np.ndarray):
            return Image(given, self.grid, name=kind)
        if not isinstance(given, str):
            raise SpecError(
                f"KG-112: {kind} is the name of a channel, an image, or False, not"
                f" {type(given).__name__}."
            )
        if self.image is None:
            raise DataError(f"KG-231: there is no image that could have the channel {given!r}.")
        return self.image[given]

    def _known(self, kind: str, names: tuple[str, ...]) -> Image | None:
        if self.image is None:
            return None
        if not self.image.channels:
            return self.image if kind == "vessels" else None
        plain = [n.lower() for n in names]
        for channel in self.image.channels:
            if channel.lower() in plain:
                return self.image[channel]
        return None


def image_of(given: Any, what: str) -> Image | None:
    """Return an image that was given as it is or by its path."""
    if given is None or isinstance(given, np.ndarray):
        return None
    if isinstance(given, (str, Path)):
        from krogh.io import read

        found = read(given)
        if not isinstance(found, Image):
            raise DataError(f"KG-231: {str(given)!r} holds results, and no image.")
        return found.renamed(what) if found.name == "image" else found
    if not isinstance(given, Image):
        raise DataError(
            f"KG-231: the {what} is a krogh.io.Image or the path of one, not"
            f" {type(given).__name__}."
        )
    return given
