"""A drug in a tumor whose flow changes in time, as under normalization of its vessels.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import SpecError
from krogh.interstitial import FlowCourse, flow_course, interstitial_flow
from krogh.model import Parameter
from krogh.space import Grid
from line_models import body, still, tissue

CURVE = {"Cp": (([0.0, 240.0], "h"), [100.0, 100.0], "nM")}
GRID = Grid((3, 4, 10), "20 um")
LEAKY, TIGHT = "2.8e-7 cm/(mmHg s)", "7e-8 cm/(mmHg s)"


def course(times=([0, 24], "h"), walls=(LEAKY, TIGHT), permeability=None, **options):
    return flow_course(
        GRID,
        times=times,
        changes={"vascular_conductivity": list(walls)},
        permeability=permeability,
        **{"sides": {"x low": "0 mmHg"}} | options,
    )


def run(flow, model=None, **options):
    given = {"plasma": CURVE, "times": "0..48 h by 8 h", "exchange": "0.02 1/um", "rtol": 1e-6}
    return kg.simulate_volume(model or still(), GRID, flow=flow, progress=False, **given | options)


def test_a_course_of_equal_flows_is_one_flow():
    whole = run(course(walls=(LEAKY, LEAKY)))
    one = run(interstitial_flow(GRID, vascular_conductivity=LEAKY, sides={"x low": "0 mmHg"}))
    apart = np.abs(whole["F"].values - one["F"].values).max()
    assert apart < 1e-4 * one["F"].values.max()


def test_before_the_change_it_is_the_first_flow_and_late_the_second():
    """The steady states of both flows, one after the other."""
    times = ([0.0, 200.0, 400.0], "h")
    curve = {"Cp": (([0.0, 400.0], "h"), [100.0, 100.0], "nM")}
    model = still(Parameter("sigma", "0.9"), reflection="sigma")
    options = {"model": model, "times": times, "plasma": curve, "rtol": 1e-7}
    both = run(course(([0, 200], "h"), permeability=[1.0, 0.25]), **options)
    first = run(course().flows[0], **options)
    late = FlowCourse(course().times[:1], "h", course().flows[1:], {}, (0.25,))
    second = run(late, **options)
    scale = first["F"].values.max()
    assert np.abs(both["F"].values[1] - first["F"].values[1]).max() < 1e-4 * scale
    assert np.abs(both["F"].values[2] - second["F"].values[2]).max() < 1e-4 * scale
    assert np.abs(first["F"].values[2] - second["F"].values[2]).max() > 0.01 * scale
    assert both.ledger().largest < 1e-10


def test_lymphatics_that_come_later_are_booked():
    """The first flow drains nothing by lymph and the second through no side."""
    flows = (
        interstitial_flow(GRID, sides={"x low": "0 mmHg"}),
        interstitial_flow(GRID, lymph_conductance="1e-3 1/(mmHg s)"),
    )
    found = run(FlowCourse(np.array([0.0, 24.0]), "h", flows, {}, (1.0, 1.0)))
    passed = found.entered_by["F"]
    at = {float(t): k for k, t in enumerate(found.times.values)}
    assert passed["lymph"][at[24.0]] == 0.0 > passed["lymph"][-1]
    assert passed["x low"][at[24.0]] < 0.0
    # Diffusion does not cross an open side, so that nothing leaves there any more.
    assert passed["x low"][-1] == pytest.approx(passed["x low"][at[24.0]], rel=1e-9)
    assert found.ledger().largest < 1e-10


def test_a_plasma_that_feels_the_tissue_keeps_its_balance():
    found = run(
        course(([-5, 8, 16], "h"), (LEAKY, TIGHT, LEAKY), [1.0, 0.2, 0.6]),
        tissue(),
        plasma=None,
        dosing="3.6 mg/kg",
        systemic=body(),
        weight="20 g",
        tumour_volume="0.2 mL",
        times="0..24 h by 4 h",
        values={"CL": "0 mL/d"},
        rtol=1e-3,
    )
    lost = -found.entered_by["F"]["x low"]
    assert np.all(np.diff(lost) > 0.0)
    assert found.is_complete
    ledger = found.ledger(plasma={"all": ["A", "gone"]})
    assert ledger.largest < 1e-10, str(ledger)


def test_what_is_refused():
    with pytest.raises(SpecError, match=r"KG-166: the flows begin at 3600 s, the run at 0 s"):
        run(course(([1, 2], "h")))
    with pytest.raises(SpecError, match="KG-166: the flow lies on another grid"):
        kg.simulate_volume(
            still(), Grid((3, 4, 11), "20 um"), flow=course(), plasma=CURVE, progress=False
        )
    with pytest.raises(SpecError, match="KG-167: permeability needs 2 numbers"):
        course(permeability=[1.0])
    with pytest.raises(SpecError, match="KG-167: permeability needs 2 numbers"):
        course(permeability=[1.0, -0.5])
