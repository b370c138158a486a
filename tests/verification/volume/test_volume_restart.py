"""A volume that goes on from any of its steps ends on the bits of one without a break.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import random

import krogh as kg
import numpy as np
import pytest
from engine import Law
from krogh.errors import SolverError
from krogh.model import Model, effect
from krogh.model import tissue as tissue_blocks
from krogh.space import Grid
from krogh.volume import Radiation
from line_models import body, tissue
from volumes import HOUR, N87, Volume, antibody_law, box, vessel_lines

pytestmark = pytest.mark.verification

THREADS = (1, 1, 2, 1, 1, 3, 1, 1, 1, 5)
OUTPUTS = ("values", "contents", "exchanged", "entered", "plasma")


def with_plasma():
    """Voxels in two pieces that only the plasma connects, with doses and infusions."""
    plasma = Law(
        ("Cp", "Cq"),
        ("k12", "k21", "k"),
        lambda t, y, p: [-(p.k12 + p.k) * y.Cp + p.k21 * y.Cq, p.k12 * y.Cp - p.k21 * y.Cq],
    )
    regions = np.zeros((6, 6, 6), dtype=np.uint8)
    regions[3, :, :] = 255
    return Volume(
        antibody_law(),
        list(N87.values()),
        box(6, 6, 6),
        {"F": None},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(("F", -1, vessel_lines((6, 6, 6), 0.03)),),
        options={
            "plasma": plasma.program(),
            "plasma_parameters": np.array([4.8e-5, 2.5e-5, 7e-7]),
            "plasma_exchange": [(0, 0)],
            "outside_factor": np.array([1.0]),
            "uptake_factor": np.array([4e-7]),
            "dose_times": np.array([0.0, 3.0 * HOUR, 5.0 * HOUR]),
            "dose_states": np.array([0, 1, 1], dtype=np.int32),
            "dose_amounts": np.array([480.0, 0.02, -0.02]),
            "dose_kinds": np.array([0, 1, 1], dtype=np.int8),
            "regions": regions,
            "rtol": 1e-3,
        },
    )


def with_inputs():
    """Sides and vessels fed by pulses that decay and a table with bends, receptors by voxel."""
    rng = np.random.default_rng(4)
    sides = [("fixed", 0.0, 0), ("closed", 0.0, -1)] + 2 * [("periodic", 0.0, -1)]
    sides += [("membrane", 1e-3, 1), ("closed", 0.0, -1)]
    law = antibody_law()
    return Volume(
        law,
        list(N87.values()),
        box(7, 5, 4),
        {"F": sides},
        diffusivity=rng.uniform(1.0, 10.0, (4, 5, 7)),
        fraction=0.24,
        exchange=(("F", 1, rng.uniform(0.0, 1e-3, (4, 5, 7))),),
        options={
            "rates": np.array([[1e-5, 1e-4], [3e-5, 0.0]]),
            "pulse_times": np.array([-HOUR, 0.0, 7.0 * HOUR]),
            "pulse_amplitudes": rng.uniform(10.0, 200.0, (3, 2, 2)),
            "table_times": np.array([0.0, 2.0, 4.0, 11.0, 40.0]) * HOUR,
            "table_values": np.array([[0.0, 5.0, 1.0, 2.0, 2.0], [1.0, 2.0, 3.0, 9.0, 0.0]]),
            "field_parameters": [law.parameters.index("S0")],
            "fields": rng.uniform(10.0, 800.0, (1, 4, 5, 7)),
            "rtol": 1e-3,
        },
    )


def with_changes():
    """Vessels that exchange less, and later more, than at first."""
    volume = with_plasma()
    rates = vessel_lines((6, 6, 6), 0.03)[None]
    changes = [
        (time * HOUR, None, None, None, np.ascontiguousarray(share * rates), None)
        for time, share in ((-1.0, 0.9), (2.0, 0.3), (6.0, 1.7))
    ]
    return volume.but(options=volume.options | {"changes": changes})


@pytest.mark.parametrize(
    ("case", "method", "cuts"),
    [
        (with_plasma, "ros34pw2", 50),
        (with_inputs, "ros34pw2", 50),
        (with_changes, "ros34pw2", 10),
        (with_plasma, "rkc2", 10),
        (with_inputs, "rkc2", 10),
    ],
)
def test_fifty_random_cuts(case, method, cuts):
    volume, times = case(), np.array([0.0, 1.0, 6.0, 8.0, 24.0]) * HOUR
    volume.options["method"] = method
    states = []
    whole = volume.run(
        times, on_state=lambda state, *_: states.append(state), state_steps=1, num_threads=2
    )
    again = volume.run(times)
    assert whole.stats == again.stats  # keeping states changes nothing
    assert np.array_equal(whole.values, again.values, equal_nan=True)
    assert len(states) == whole.stats["accepted"] >= 25
    rng = random.Random(11)
    for cut in range(cuts):
        state = rng.choice(states)
        assert state["time"] < times[-1] or state is states[-1]
        rest = volume.run(times, resume=state, num_threads=THREADS[cut % 10])
        first = int(state["next_record"])
        for name in OUTPUTS:
            one, two = getattr(whole, name), getattr(rest, name)
            if one is None:
                continue
            assert one[first:].tobytes() == two[first:].tobytes(), (name, state["time"])
            assert np.isnan(two[:first]).all()
        assert rest.stats == whole.stats


def test_fifty_random_cuts_through_a_file(tmp_path):
    """As a user has it: stopped after so many steps, the checkpoint read by another call."""
    path = tmp_path / "run.checkpoint"
    labels = np.zeros((4, 5, 6), dtype=np.uint8)
    labels[0, 0, :3] = 255

    def run(**options):
        return kg.simulate_volume(
            tissue(),
            Grid((4, 5, 6), "15 um"),
            "0.07 mg every 12 h x 2",
            systemic=body(),
            exchange="0.004 1/um",
            tumour_volume="0.2 mL",
            regions=labels,
            times="0..24 h by 3 h",
            progress=False,
            **options,
        )

    whole = run(num_threads=2)
    steps = whole.stats["accepted"] + whole.stats["rejected"]
    rng = random.Random(5)
    for cut in range(50):
        with pytest.raises(SolverError, match="KG-320") as caught:
            run(checkpoint=path, max_steps=rng.randrange(1, steps), num_threads=THREADS[cut % 10])
        assert not np.isfinite(caught.value.result["total"].values[-1]).any()
        found = run(resume=path, num_threads=THREADS[-1 - cut % 10])
        assert found.stats == whole.stats
        assert found.snapshot is None
        for name in whole:
            assert found[name].values.tobytes() == whole[name].values.tobytes()
        for name in whole.plasma:
            assert found.plasma[name].values.tobytes() == whole.plasma[name].values.tobytes()
        for name in "FSBI":
            assert np.array_equal(found.content[name].values, whole.content[name].values)
        assert np.array_equal(found.entered["F"].values, whole.entered["F"].values)
        assert found.ledger().largest < 1e-12


def irradiated(**options):
    """Cells that live on oxygen, vessels that go with them, and fractions of radiation."""
    model = Model(
        "irradiated",
        tissue_blocks.oxygen(
            diffusivity="1350 um^2/s",
            solubility="3.1e-5 1/mmHg",
            consumption="5e-4 1/s",
            half_pressure="1 mmHg",
            initial="20[mmHg]",
            permeability="600 um/s",
            wall="membrane",
            factor="viable",
        ),
        effect.cell_shell("0.02[1/d]", number=2, kclear="0.5 1/d"),
    )
    grid = Grid((3, 4, 5), "20 um")
    draw = np.random.default_rng(2)
    return kg.simulate_volume(
        model,
        grid,
        exchange=(np.where(draw.random(grid.shape) < 0.2, 0.08, 0.0), "1/um"),
        plasma={"pO2_blood": (([0.0, 10.0], "d"), [20.0, 20.0], "mmHg")},
        times="0..6 d by 1 d",
        radiation=Radiation("2 Gy daily x 4", "0.3 1/Gy", "0.03 1/Gy^2"),
        progress=False,
        **options,
    )


def fed(**options):
    """A plasma that hears of the tissue."""
    return kg.simulate_volume(
        tissue(),
        Grid((3, 4, 5), "15 um"),
        "0.07 mg",
        systemic=body(),
        exchange="0.004 1/um",
        tumour_volume="0.2 mL",
        feed={"A": ("B", "1e-5 mg/(nM mL h)")},
        times="0..24 h by 6 h",
        progress=False,
        **options,
    )


@pytest.mark.parametrize("run", [irradiated, fed])
def test_jumps_and_feeds_go_on(run, tmp_path):
    path = tmp_path / "run.checkpoint"
    whole = run()
    steps = whole.stats["accepted"] + whole.stats["rejected"]
    rng = random.Random(6)
    for cut in range(10):
        with pytest.raises(SolverError):
            run(checkpoint=path, max_steps=rng.randrange(2, steps))
        found = run(resume=path, num_threads=THREADS[-1 - cut])
        assert found.stats == whole.stats
        for name in whole:
            assert found[name].values.tobytes() == whole[name].values.tobytes()
        assert list(found.fed) == list(whole.fed)
        for name in whole.fed:
            assert np.array_equal(found.fed[name].values, whole.fed[name].values)
        if run is irradiated:
            assert found.fractions["survival"].tolist() == whole.fractions["survival"].tolist()
