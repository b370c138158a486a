"""Generated vessels: density, seeds, structure, and what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from krogh.errors import DataError, SpecError, UnitError
from krogh.vessels import VesselNetwork, distance_to_vessel, generate
from numpy.typing import NDArray

Generator = Callable[..., VesselNetwork]


@pytest.mark.parametrize(
    ("make", "options", "tolerance"),
    [
        (generate.lattice, {}, 0.06),
        (generate.lattice, {"pattern": "hexagonal"}, 0.06),
        (generate.lattice, {"axes": "xyz"}, 0.06),
        (generate.poisson, {"seed": 1}, 0.005),
        (generate.poisson, {"seed": 1, "axes": "xyz"}, 0.02),
        (generate.percolation, {"seed": 1}, 0.01),
        (generate.space_colonization, {"seed": 1}, 0.01),
        (generate.space_colonization, {"seed": 2, "join": False}, 0.01),
    ],
)
@pytest.mark.parametrize("density", [60.0, 130.0])
def test_density_is_met(
    make: Generator, options: dict[str, Any], tolerance: float, density: float
) -> None:
    size = ("1.0 mm", "0.9 mm", "1.1 mm")
    network = make(size, f"{density} mm/mm^3", diameter="10 um", **options)
    found = network.statistics(spacing="60 um")
    assert found.length_density == pytest.approx(density, rel=tolerance)
    assert found.box_volume == pytest.approx(0.99)
    inside = (network.nodes >= -1e-9).all() and (
        network.nodes <= network.tissue_box[1] + 1e-9
    ).all()
    assert inside


@pytest.mark.parametrize(
    "make", [generate.poisson, generate.percolation, generate.space_colonization]
)
def test_seeds_give_the_same_and_other_networks(make: Generator) -> None:
    one, again, other = (
        make("0.6 mm", "80 mm/mm^3", diameter="8 um", seed=seed) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one.nodes, again.nodes)
    np.testing.assert_array_equal(one.segments, again.segments)
    same = one.nodes.shape == other.nodes.shape and bool((one.nodes == other.nodes).all())
    assert not same
    with pytest.raises(SpecError, match="KG-117"):
        make("0.6 mm", "80 mm/mm^3", diameter="8 um", seed=-1)


def test_known_bits_of_poisson_vessels() -> None:
    network = generate.poisson("1 mm", "3 1/mm^2", diameter="16 um", seed=1)
    from krogh import _core
    from krogh.draws import purpose_of

    keys = np.arange(3, dtype=np.int64)
    expected = _core.uniforms(1, purpose_of("vessels", "poisson z"), keys, 2) * 1000.0
    np.testing.assert_array_equal(network.nodes[:3, :2], expected)


def test_more_poisson_vessels_keep_the_first() -> None:
    few = generate.poisson("1 mm", "10 1/mm^2", diameter="16 um", seed=3)
    many = generate.poisson("1 mm", "40 1/mm^2", diameter="16 um", seed=3)
    np.testing.assert_array_equal(many.nodes[:10], few.nodes[:10])


def test_crossing_lattices_do_not_meet() -> None:
    network = generate.lattice("1 mm", "60 mm/mm^3", diameter="10 um", axes="xyz")
    kinds = np.argmax(np.abs(network.vectors), axis=1)
    assert set(kinds.tolist()) == {0, 1, 2}
    for axis in range(3):
        others = network.subset(kinds != axis)
        line = network.subset(kinds == axis).subdivided("5 um")
        assert distance_to_vessel(others, line.nodes).min() > 50.0


def nearest_neighbours(network: VesselNetwork, extent: NDArray[np.float64]) -> tuple[float, int]:
    """Smallest distance between periodic parallel vessels along z, and how many have it."""
    places = network.nodes[: network.num_segments, :2]
    away = places[:, None] - places[None]
    away -= extent * np.round(away / extent)
    apart = np.linalg.norm(away, axis=2)
    near = apart[0][apart[0] > 1e-9]
    return float(near.min()), int((near < near.min() * 1.01).sum())


def test_lattices_have_four_and_six_neighbours() -> None:
    spacing = 100.0
    square = generate.lattice(("800 um", "800 um", "50 um"), "100 1/mm^2", diameter="9 um")
    assert nearest_neighbours(square, np.array([800.0, 800.0])) == (pytest.approx(spacing), 4)
    side = 3.0**0.5 * spacing * 4
    size = ("800 um", f"{side!r} um", "50 um")
    density = f"{2.0 / (3.0**0.5 * spacing**2)!r} 1/um^2"
    hexagonal = generate.lattice(size, density, diameter="9 um", pattern="hexagonal")
    assert nearest_neighbours(hexagonal, np.array([800.0, side])) == (pytest.approx(spacing), 6)


def test_percolation_is_one_cluster_around_a_core() -> None:
    network = generate.percolation("1 mm", "90 mm/mm^3", diameter="10 um", seed=2, core=0.6)
    network.require_connected()
    assert network.nodes[:, 2].min() == 0.0
    away = (np.abs(network.nodes - 500.0) / 500.0) ** 2
    # Shifted by at most 0.3 of a spacing of 91 um along each axis.
    assert np.sqrt(away.sum(axis=1)).min() > 0.6 - 2 * 0.3 * 91 / 1000 * 3**0.5
    tissue = 1.0 - np.pi / 6.0 * 0.6**3
    assert network.lengths.sum() / 1000.0 == pytest.approx(90.0 * tissue, rel=0.01)
    center = distance_to_vessel(network, [[500.0, 500.0, 500.0]])[0]
    assert center > 200.0
    flat = generate.percolation(
        "1 mm", "90 mm/mm^3", diameter="10 um", seed=2, jitter=0.0, spacing="100 um"
    )
    np.testing.assert_allclose(flat.lengths, 100.0)


def test_trees_follow_murray_and_join_to_one_network() -> None:
    network = generate.space_colonization("0.8 mm", "90 mm/mm^3", diameter="8 um", seed=4)
    network.require_connected()
    kind = network.kind
    assert kind is not None
    assert set(kind.tolist()) == {1, 2, 3}
    np.testing.assert_allclose(network.diameter[kind == 2], 8.0)
    cubes = network.diameter**3
    arteries = np.flatnonzero(kind == 1)
    into = {int(network.segments[s, 1]): s for s in arteries}
    checked = 0
    for node, segment in into.items():
        out = network.segments[:, 0] == node
        if not out.any():
            continue
        checked += 1
        assert cubes[segment] == pytest.approx(cubes[out].sum(), rel=1e-9)
    assert checked > 100
    assert network.degrees[network.degrees > 1].size == network.degrees.size - network.ends.size
    assert network.ends.size <= 2  # only the roots end
    unjoined = generate.space_colonization(
        "0.8 mm", "90 mm/mm^3", diameter="8 um", seed=4, join=False
    )
    assert unjoined.num_components == 2


@pytest.mark.parametrize(
    ("make", "arguments", "options", "says"),
    [
        (generate.lattice, ("1 mm", "57 1/mm^2"), {"pattern": "cubic"}, r"KG-185.*'cubic'"),
        (generate.lattice, ("1 mm", "57 1/mm^2"), {"axes": "zz"}, r"KG-185.*axes"),
        (
            generate.lattice,
            ("1 mm", "57 1/mm^2"),
            {"pattern": "hexagonal", "axes": "xy"},
            r"KG-185.*square lattices only",
        ),
        (generate.lattice, ("0 mm", "57 1/mm^2"), {}, r"KG-185.*size"),
        (generate.lattice, (("1 mm", "1 mm"), "57 1/mm^2"), {}, r"KG-185.*3 lengths"),
        (generate.lattice, ("1 mm", "-5 1/mm^2"), {}, r"KG-185.*density"),
        (generate.poisson, ("0.05 mm", "57 1/mm^2"), {"seed": 1}, r"KG-185.*no vessel"),
        (generate.percolation, ("1 mm", "90 1/mm^2"), {"seed": 1, "core": 1.0}, r"KG-185.*core"),
        (generate.percolation, ("1 mm", "90 1/mm^2"), {"seed": 1, "jitter": 1}, r"KG-185.*jitter"),
        (
            generate.percolation,
            ("1 mm", "900 1/mm^2"),
            {"seed": 1, "spacing": "100 um"},
            r"KG-185.*smaller spacing",
        ),
        (
            generate.space_colonization,
            ("0.3 mm", "4000 1/mm^2"),
            {"seed": 1, "step": "60 um"},
            r"KG-185.*smaller step",
        ),
        (
            generate.space_colonization,
            ("1 mm", "90 1/mm^2"),
            {"seed": 1, "step": "0.5 mm"},
            r"KG-185.*step",
        ),
        (
            generate.space_colonization,
            ("1 mm", "90 1/mm^2"),
            {"seed": 1, "murray": 0.5},
            r"KG-185.*murray",
        ),
    ],
)
def test_generators_refuse(
    make: Generator, arguments: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        make(*arguments, diameter="10 um", **options)


def test_densities_and_sizes_need_units() -> None:
    with pytest.raises(UnitError, match="KG-124"):
        generate.poisson("1 mm", 57, diameter="10 um", seed=1)
    with pytest.raises(UnitError, match="KG-124"):
        generate.poisson(1.0, "57 1/mm^2", diameter="10 um", seed=1)
    with pytest.raises(UnitError):
        generate.poisson("1 mm", "57 mm", diameter="10 um", seed=1)
