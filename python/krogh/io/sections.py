"""Serial sections: flat images laid upon each other, with the error of sections left out.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError
from krogh.io.image import Image
from krogh.space.grid import Grid
from krogh.units import parse_quantity, require_dimension

__all__ = ["RegisteredSections", "register_sections"]

Floats = NDArray[np.float64]

_COARSE: Final = 96
"""Pixels of the longer side in the search over all angles."""

_FINE: Final = 384
"""Pixels of the longer side in the last refinement."""

_STEP: Final = 4.0
"""Degrees between the angles of the search: at 96 pixels a turn by half of it moves the corners by
1.2 pixels, less than the smoothing."""

_SMOOTHING: Final = 1.5
"""Pixels, of the images that are compared."""

_LEAST_OVERLAP: Final = 0.3
"""Share of the section that must lie on the other; a smaller overlap fits by chance."""


@dataclass(frozen=True, eq=False)
class RegisteredSections:
    """Sections laid upon each other.

    Attributes
    ----------
    image
        The volume, with the channels of the sections; NaN where a section does not reach.
    angles
        By which each section is turned to lie on the middle one, degrees, shape (sections,);
        positive from x to y.
    shifts
        By which its center is moved then, x and y, um, shape (sections, 2).
    held_out
        For each section but the first and last: root mean square difference of it from the mean of
        its two neighbors, which were laid upon each other without it, over its own standard
        deviation; 0 is perfect, 1 no better than a constant.  NaN at the ends.
    closure
        How far its neighbors lie apart by the way through it and by the direct one, mean over the
        corners, um; NaN at the ends.
    similarity
        Correlation of each section with the one it was laid upon; NaN of the middle one.
    """

    image: Image
    angles: Floats
    shifts: Floats
    held_out: Floats
    closure: Floats
    similarity: Floats

    def __str__(self) -> str:
        inner = slice(1, -1)
        lines = [
            f"{self.angles.size} sections registered: {self.image.grid!r}",
            f"turned by up to {np.abs(self.angles).max():.3g} degrees, moved by up to"
            f" {np.linalg.norm(self.shifts, axis=1).max():.4g} um",
        ]
        if self.angles.size > 2:
            lines.append(
                f"sections left out: median error {np.median(self.held_out[inner]):.3g} of their"
                f" standard deviation, worst {self.held_out[inner].max():.3g} (section"
                f" {int(np.nanargmax(self.held_out))}); neighbors lie"
                f" {np.median(self.closure[inner]):.3g} um apart by two ways (median), at most"
                f" {self.closure[inner].max():.3g} um"
            )
        return "\n".join(lines)


def register_sections(
    sections: Sequence[Image],
    thickness: Any,
    *,
    channel: str | None = None,
    max_rotation: Any = "180 deg",
) -> RegisteredSections:
    """Lay serial sections upon each other by turning and moving them.

    Each section is laid upon its neighbor, from the middle one outward: phase correlation (Kuglin
    and Hines 1975, Proc IEEE Int Conf Cybernetics Society 163) over a search of angles, then the
    correlation of both is maximized over angle and shift.  Sections are not stretched.

    Parameters
    ----------
    sections
        In their order; single sections (nz = 1) of one size with square pixels of one spacing, all
        with the same channels.
    thickness
        Distance between sections with unit.
    channel
        By which they are compared (``"Hoechst"``); needed where there are several.
    max_rotation
        Largest angle between neighbors that is tried.

    Returns
    -------
    RegisteredSections
        The volume, the angles and shifts, and the error of sections that are left out.

    Raises
    ------
    DataError
        KG-235 for fewer than two sections, or ones that do not fit each other, or that do not lie
        on their neighbors at all; KG-231 for a section without contrast.
    SpecError
        KG-112 where the channel is not stated.
    """
    flat, spacing = _checked(sections, channel)
    step = parse_quantity(thickness, "thickness")
    require_dimension(step.unit, "um", "thickness")
    turn = parse_quantity(max_rotation, "max_rotation")
    require_dimension(turn.unit, "deg", "max_rotation")
    limit = abs(turn.to("deg"))
    count = len(flat)
    middle = count // 2
    shape = flat[0].shape
    total = [np.eye(3) for _ in flat]  # from the middle section's pixels to those of each
    between: dict[int, Floats] = {}  # from section k to k + 1
    similarity = np.full(count, np.nan)
    for k in range(middle, count - 1):
        between[k], similarity[k + 1] = _aligned(flat[k], flat[k + 1], limit, (k, k + 1))
        total[k + 1] = between[k] @ total[k]
    for k in range(middle, 0, -1):
        back, similarity[k - 1] = _aligned(flat[k], flat[k - 1], limit, (k, k - 1))
        between[k - 1] = np.asarray(np.linalg.inv(back), dtype=np.float64)
        total[k - 1] = back @ total[k]
    held_out, closure = _left_out(flat, between, limit, spacing)
    first = sections[0]
    parts = first.channels or (first.name,)
    volume = np.empty((len(parts), count, *shape))
    for k, section in enumerate(sections):
        values = section.values if section.channels else section.values[None]
        for c in range(len(parts)):
            volume[c, k] = _pulled(values[c, 0].astype(np.float64), total[k])
    grid = Grid((count, *shape), ([spacing, spacing, step.to("um")], "um"))
    image = Image(
        volume if first.channels else volume[0],
        grid,
        first.unit,
        channels=first.channels,
        name=first.name,
    )
    # A section is turned back by the angle of the way from the middle section to it.
    angles = np.array([-np.degrees(np.arctan2(m[0, 1], m[0, 0])) for m in total])
    center = np.array([0.5 * (shape[0] - 1), 0.5 * (shape[1] - 1), 1.0])
    moved = np.array([(np.linalg.inv(m) @ center - center)[[1, 0]] * spacing for m in total])
    return RegisteredSections(image, angles, moved, held_out, closure, similarity)


def _checked(sections: Sequence[Image], channel: str | None) -> tuple[list[Floats], float]:
    """Return what is compared of each section, and the size of pixels in um."""
    if len(sections) < 2:
        raise DataError(f"KG-235: two sections at least are needed, found {len(sections)}.")
    first = sections[0]
    if first.channels and channel is None and len(first.channels) > 1:
        raise SpecError(
            f"KG-112: by which channel are the sections compared?  channel='...':"
            f" {', '.join(first.channels)}."
        )
    found = []
    for k, section in enumerate(sections):
        if section.grid.shape[0] != 1:
            raise DataError(
                f"KG-235: section {k} has {section.grid.shape[0]} slices; each is one image of its"
                " own."
            )
        if section.grid.shape != first.grid.shape or not np.allclose(
            section.grid.spacing[:2], first.grid.spacing[:2], rtol=1e-3
        ):
            raise DataError(
                f"KG-235: section {k} ({section.grid!r}) does not fit section 0 ({first.grid!r});"
                " crop or pad all to one size."
            )
        if section.channels != first.channels or section.unit != first.unit:
            raise DataError(f"KG-235: section {k} has other channels or another unit.")
        chosen = section
        if section.channels:
            chosen = section[channel if channel is not None else section.channels[0]]
        plain = chosen.values[0].astype(np.float64)
        known = np.isfinite(plain)
        if not known.any() or float(np.ptp(plain[known])) == 0.0:
            raise DataError(f"KG-231: section {k} has no contrast to compare.")
        found.append(np.where(known, plain, plain[known].mean()))
    along_x, along_y = (float(s) for s in first.grid.spacing[:2])
    if abs(along_x - along_y) > 1e-3 * along_x:
        raise DataError(
            f"KG-235: the pixels are not square ({along_x:g} x {along_y:g} um); resample the"
            " sections first."
        )
    return found, along_x


# --- two sections ---------------------------------------------------------------------------------


def _matrix(angle: float, shift: Floats, shape: tuple[int, ...]) -> Floats:
    """Return the way from pixels (y, x) of the fixed section to those of the moving one."""
    a = np.radians(angle)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    center = 0.5 * (np.array(shape[:2]) - 1.0)
    found = np.eye(3)
    found[:2, :2] = turn
    found[:2, 2] = center + shift - turn @ center
    return found


def _pulled(moving: Floats, matrix: Floats, outside: float = np.nan) -> Floats:
    """Return a section on the pixels of the fixed one."""
    from scipy.ndimage import affine_transform

    values: Floats = affine_transform(
        moving, matrix[:2, :2], matrix[:2, 2], order=1, mode="constant", cval=outside
    )
    return values


def _smaller(values: Floats, longest: int) -> tuple[Floats, float]:
    """Return a smoothed section with so many pixels at most, and pixels of it in one of theirs."""
    from scipy.ndimage import gaussian_filter, zoom

    scale = min(1.0, longest / max(values.shape))
    smooth = gaussian_filter(values, _SMOOTHING / scale)
    if scale == 1.0:
        return smooth, 1.0
    found: Floats = zoom(smooth, scale, order=1, grid_mode=True, mode="nearest")
    return found, scale


def _peak(fixed: Floats, moving: Floats) -> tuple[float, Floats]:
    """Return the phase correlation's peak and the shift (y, x) of `moving` against `fixed`."""
    size = [2 * n for n in fixed.shape]
    product = np.conj(np.fft.rfft2(fixed, size)) * np.fft.rfft2(moving, size)
    strength = np.abs(product)
    found = np.fft.irfft2(product / np.maximum(strength, 1e-6 * strength.max()), size)
    place = np.unravel_index(int(np.argmax(found)), found.shape)
    shift = np.array([p if p < n // 2 else p - n for p, n in zip(place, size, strict=True)])
    return float(found[place]), shift.astype(np.float64)


def _windowed(values: Floats) -> Floats:
    y, x = (np.hanning(n + 2)[1:-1] for n in values.shape)
    found: Floats = (values - values.mean()) * y[:, None] * x
    return found


def _correlation(fixed: Floats, moving: Floats, matrix: Floats) -> float:
    """Return the correlation over the overlap, -1 where it is too small."""
    values = _pulled(moving, matrix)
    known = np.isfinite(values)
    if known.mean() < _LEAST_OVERLAP:
        return -1.0
    one, other = fixed[known], values[known]
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0.0 else -1.0


def _aligned(
    fixed: Floats, moving: Floats, limit: float, names: tuple[int, int]
) -> tuple[Floats, float]:
    """Return the way from the pixels of one section to those of another, and their correlation."""
    from scipy.optimize import minimize

    one, scale = _smaller(fixed, _COARSE)
    other, _ = _smaller(moving, _COARSE)
    half = np.arange(0.0, min(limit, 180.0) + 0.5 * _STEP, _STEP)
    starts = []
    window = _windowed(one)
    filled = float(other.mean())
    for angle in np.unique(np.concatenate([-half, half])):
        turned = _pulled(other, _matrix(float(angle), np.zeros(2), one.shape), filled)
        peak, moved = _peak(window, _windowed(turned))
        a = np.radians(angle)
        turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        starts.append((peak, float(angle), turn @ moved))
    starts.sort(key=lambda s: -s[0])
    best, value = None, -1.0
    for _, angle, shift in starts[:6]:
        found = _refined(one, other, np.array([angle, *shift]), 2.0, minimize)
        score = _correlation(one, other, _matrix(found[0], found[1:], one.shape))
        if score > value:
            best, value = found, score
    if best is None:
        raise DataError(
            f"KG-235: section {names[1]} does not lie on section {names[0]}: no turn and shift"
            " makes them alike.  Check the order, or give a channel with more contrast."
        )
    fine, fine_scale = _smaller(fixed, _FINE)
    fine_other, _ = _smaller(moving, _FINE)
    ratio = fine_scale / scale
    start = np.array([best[0], best[1] * ratio, best[2] * ratio])
    found = _refined(fine, fine_other, start, 1.0, minimize)
    matrix = _matrix(found[0], found[1:] / fine_scale, fixed.shape)
    return matrix, _correlation(fine, fine_other, _matrix(found[0], found[1:], fine.shape))


def _refined(fixed: Floats, moving: Floats, start: Floats, size: float, minimize: Any) -> Floats:
    """Return angle (degrees) and shift (pixels) of the largest correlation near a start."""

    def loss(at: Floats) -> float:
        return -_correlation(fixed, moving, _matrix(float(at[0]), at[1:], fixed.shape))

    corners = [start, *(start + size * np.eye(3)[k] for k in range(3))]
    options = {"initial_simplex": np.array(corners), "xatol": 0.01, "fatol": 1e-7, "maxiter": 200}
    found: Floats = minimize(loss, start, method="Nelder-Mead", options=options).x
    return found


# --- the error ------------------------------------------------------------------------------------


def _left_out(
    flat: Sequence[Floats], between: dict[int, Floats], limit: float, spacing: float
) -> tuple[Floats, Floats]:
    """Return the errors of sections that are left out; see `RegisteredSections`."""
    count = len(flat)
    held_out, closure = np.full(count, np.nan), np.full(count, np.nan)
    height, width = flat[0].shape
    corners = np.array([[y, x, 1.0] for y in (0.0, height - 1.0) for x in (0.0, width - 1.0)]).T
    for k in range(1, count - 1):
        direct, _ = _aligned(flat[k - 1], flat[k + 1], limit, (k - 1, k + 1))
        through = between[k] @ between[k - 1]
        apart = ((direct - through) @ corners)[:2]
        closure[k] = float(np.linalg.norm(apart, axis=0).mean()) * spacing
        expected = 0.5 * (flat[k - 1] + _pulled(flat[k + 1], direct))
        own = _pulled(flat[k], between[k - 1])
        known = np.isfinite(expected) & np.isfinite(own)
        spread = float(own[known].std())
        difference = own[known] - expected[known]
        held_out[k] = float(np.sqrt(np.mean(difference**2))) / spread if spread > 0.0 else np.nan
    return held_out, closure
