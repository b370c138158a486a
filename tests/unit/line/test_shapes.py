"""Cylinder, sphere and slab.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from krogh import _core
from krogh.errors import SpecError, UnitError
from krogh.space import Capillary, Cylinder, Several, Slab, Sphere

SHAPES = [
    Cylinder("8 um", "75 um", cells=20, growth=3.0),
    Sphere("200 um", cells=20, growth=3.0),
    Slab("0.2 mm", cells=20, growth=3.0),
    Slab("200 um", cells=21, growth=3.0, supply="both"),
]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_volumes_areas_and_centers_are_those_of_the_core(shape):
    grid = _core.line_grid(shape.geometry, list(shape.faces))
    assert shape.volumes == pytest.approx(grid["volumes"], rel=1e-14)
    assert shape.centers == pytest.approx(grid["centers"], rel=1e-14)
    assert shape.areas_of(shape.faces) == pytest.approx(grid["areas"], rel=1e-14)


def test_growth_is_the_last_width_over_that_at_the_wall():
    widths = np.diff(SHAPES[0].faces)
    assert widths[-1] / widths[0] == pytest.approx(3.0)
    assert SHAPES[0].faces == pytest.approx(_core.graded_faces(8.0, 75.0, 20, 3.0), rel=1e-14)
    widths = np.diff(SHAPES[1].faces)  # supplied from outside
    assert widths[0] / widths[-1] == pytest.approx(3.0)
    widths = np.diff(SHAPES[3].faces)
    assert widths[10] / widths[0] == pytest.approx(3.0)
    assert widths == pytest.approx(widths[::-1])


def test_distance_is_counted_from_the_supply():
    assert SHAPES[0].distance == pytest.approx(SHAPES[0].centers - 8.0)
    assert SHAPES[1].distance == pytest.approx(200.0 - SHAPES[1].centers)
    assert SHAPES[3].distance == pytest.approx(
        np.minimum(SHAPES[3].centers, 200.0 - SHAPES[3].centers)
    )


def test_surface_per_volume():
    tissue = math.pi * (75.0**2 - 8.0**2)
    assert SHAPES[0].surface_per_volume == pytest.approx(2.0 * math.pi * 8.0 / tissue)
    assert SHAPES[1].surface_per_volume == pytest.approx(3.0 / 200.0)
    assert SHAPES[2].surface_per_volume == pytest.approx(1.0 / 200.0)
    assert SHAPES[3].surface_per_volume == pytest.approx(2.0 / 200.0)


def test_how_much_of_a_shape_a_tumor_holds():
    volume = 1e8
    assert SHAPES[0].count_in(volume, SHAPES[0].lengths) == pytest.approx(
        volume / (math.pi * 75.0**2)
    )
    assert SHAPES[1].count_in(volume, SHAPES[1].lengths) == pytest.approx(
        volume / (4.0 / 3.0 * math.pi * 200.0**3)
    )
    assert SHAPES[2].count_in(volume, SHAPES[2].lengths) == pytest.approx(volume / 200.0)


def test_lengths_of_many_lines_give_their_faces():
    faces = SHAPES[0].faces_of({"inner_radius": [8.0], "outer_radius": [60.0, 75.0]})
    assert faces.shape == (2, 21)
    assert np.array_equal(faces[1], SHAPES[0].faces)


def test_shapes_are_frozen_and_shown():
    shape = Cylinder(inner_radius="8 um", outer_radius="0.075 mm", cells=32)
    with pytest.raises(Exception, match="frozen"):
        shape.cells = 3
    assert repr(shape) == (
        "Cylinder(inner_radius='8 um', outer_radius='0.075 mm', cells=32, growth=4)"
    )
    assert shape == Cylinder("8 um", "0.075 mm", cells=32)
    assert shape.changed(cells=16).cells == 16


@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (lambda: Cylinder("80 um", "75 um"), SpecError, "KG-161.*75 um must be larger.*80 um"),
        (lambda: Cylinder(iner_radius="8 um"), SpecError, "KG-103.*Did you mean 'inner_radius'"),
        (lambda: Sphere("3 h"), UnitError, "KG-121.*a length is needed"),
        (lambda: Sphere(200), UnitError, "KG-121.*write '75 um'"),
        (lambda: Sphere(), SpecError, "KG-101.*needs 'radius'"),
        (lambda: Sphere("-1 um"), SpecError, "KG-161.*must be positive"),
        (lambda: Slab("1 um", cells=1), SpecError, "KG-101.*cells"),
        (lambda: Slab("1 um", growth=0), SpecError, "KG-101.*growth"),
        (lambda: Slab("1 um", supply="outer"), SpecError, "KG-101.*'inner' or 'both'"),
    ],
)
def test_wrong_shapes_are_named(build, kind, words):
    with pytest.raises(kind, match=words):
        build()


# --- several pieces -------------------------------------------------------------------------------


def test_several_stand_one_behind_the_other():
    shape = Several(
        [Cylinder("8 um", "60 um", cells=4), Cylinder("8 um", "90 um", cells=6)], [1, 3]
    )
    assert shape.num_cells == 10
    assert shape.faces.shape == (12,)
    assert shape.cell_slices == (slice(0, 4), slice(4, 10))
    assert shape.centers[4:] == pytest.approx(shape.shapes[1].centers)
    assert shape.distance[:4] == pytest.approx(shape.shapes[0].distance)
    # per volume: share/cross-section of vessel length
    lengths = np.array([0.25 / 60.0**2, 0.75 / 90.0**2]) / math.pi
    assert shape.count_in(1e6, {}) == pytest.approx(1e6 * lengths.sum())
    assert shape.weights({}) == pytest.approx(lengths / lengths.sum())
    assert repr(shape).endswith("shares=[1.0, 3.0])")


def test_a_capillary_is_its_cylinder_in_segments():
    shape = Capillary(Cylinder("8 um", "75 um", cells=5), length="500 um", velocity="0.2 mm/s")
    assert shape.segments == 8
    assert shape.num_cells == 40
    assert shape.lengths == {"inner_radius": 8.0, "outer_radius": 75.0}
    assert shape.count_in(1e6, shape.lengths) == pytest.approx(1e6 / (math.pi * 75.0**2))
    assert shape.surface_per_volume == pytest.approx(shape.cylinder.surface_per_volume)
    assert "velocity='0.2 mm/s'" in repr(shape)


@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (lambda: Several([]), SpecError, "KG-161.*empty"),
        (lambda: Several([Sphere("9 um"), Slab("9 um")]), SpecError, "KG-161.*one kind"),
        (
            lambda: Several([Slab("9 um"), Slab("9 um", supply="both")]),
            SpecError,
            "KG-161.*different supply",
        ),
        (lambda: Several([Sphere("9 um")], [1, 2]), SpecError, "KG-161.*2 shares for 1"),
        (lambda: Several([Sphere("9 um")], [-1]), SpecError, "KG-161.*positive"),
        (lambda: Several([3]), SpecError, "KG-101.*shapes"),
        (
            lambda: Capillary(Cylinder(), length="5 um", velocity="5 um"),
            UnitError,
            "KG-121.*a velocity is needed",
        ),
        (
            lambda: Capillary(Cylinder(), length="0 um", velocity="5 um/s"),
            SpecError,
            "KG-161.*length must be positive",
        ),
        (lambda: Capillary(Sphere("9 um"), length="5 um", velocity="5 um/s"), SpecError, "KG-101"),
    ],
)
def test_wrong_pieces_are_named(build, kind, words):
    with pytest.raises(kind, match=words):
        build()
