"""Blood that flows along vessels and exchanges both ways with voxels, against the whole system.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import DataError, SpecError, UnitError
from krogh.model import Model, Output, Parameter, Reaction, Species, Transport
from krogh.space import Grid
from krogh.vessels import SoluteCarriage, VesselNetwork, extraction, solve_flow
from krogh.vessels.network import Boundary
from krogh.volume import blood_course
from line_models import body
from line_models import tissue as binding
from scipy.integrate import solve_ivp

pytestmark = pytest.mark.verification

GRID = Grid((4, 6, 12), "10 um", ("5 um", "5 um", "5 um"))
D, EPS, P, LOSS = 40.0, 0.3, 2.0, 5e-2
MOLAR = 148.0  # kDa: mg/L over it is 1e3 nM


def moving(*more) -> Model:
    """A drug that diffuses, passes walls and is lost."""
    return Model(
        "moving",
        Parameter("D", f"{D} um^2/s"),
        Parameter("eps", f"{EPS}", lower="0.01", upper="1"),
        Parameter("P", f"{P} um/s"),
        Parameter("k", f"{LOSS} 1/s"),
        Species("F", "nM"),
        Reaction("F ->", "k*F"),
        Transport("F", diffusivity="D", void_fraction="eps", permeability="P", plasma="Cp"),
        Output("total", "F", unit="nM"),
        *more,
    )


def forked(drop: float = 0.1, pieces: float = 30.0) -> VesselNetwork:
    """One vessel that parts into two, which meet again; pressures at both ends."""
    corners = np.array(
        [[0, 30, 20], [30, 30, 20], [60, 12, 14], [60, 48, 26], [90, 30, 20], [120, 30, 20]],
        dtype=float,
    )
    links = np.array([[0, 1], [1, 2], [1, 3], [2, 4], [3, 4], [4, 5]])
    network = VesselNetwork(corners, links, np.array([7.0, 5.0, 6.0, 5.0, 6.0, 7.0]))
    boundary = Boundary.of(pressures={0: 20.0 + drop, 5: 20.0})
    return solve_flow(network, boundary, viscosity="plasma")[0].subdivided(f"{pieces} um")


def solved(model=None, network=None, **options):
    network = forked() if network is None else network
    chosen = {
        "systemic": body(),
        "exchange": network.voxelize(GRID, kernel_radius="12 um"),
        "weight": "20 g",
        "times": ([0.05, 0.5, 4.0], "h"),
        "progress": False,
        "carried": True,
        "num_threads": 1,
    } | options
    return kg.simulate_volume(model or moving(), GRID, "3.6 mg/kg", **chosen)


def reference(result, network):
    """The same volumes and segments as one system of ordinary equations."""
    voxels = result.problem.vessels_of[0]
    per_length = result.problem.per_length[0]
    weights = voxels.weights.toarray()
    conductance = weights * per_length[:, None]  # um^3/s
    volume = GRID.voxel_volume
    carriage = SoluteCarriage(network, 0.0)
    upwind = carriage._upwind().toarray()
    inlet = -upwind.sum(axis=1)  # what does not come from another segment
    shape = GRID.shape
    count, segments = GRID.num_voxels, network.num_segments

    def diffusion(conc):
        x = conc.reshape(shape) / EPS
        found = np.zeros(shape)
        for axis in range(3):
            flux = D * EPS * np.diff(x, axis=axis) / 100.0
            low = [slice(None)] * 3
            high = [slice(None)] * 3
            low[axis], high[axis] = slice(0, -1), slice(1, None)
            found[tuple(low)] += flux
            found[tuple(high)] -= flux
        return found.ravel()

    start = 3.6 * 20e-3 / 1e-3 * 1e3 / MOLAR  # mg/kg kg / L = mg/L, in nM
    rate = 2.0 / 86400.0

    def slope(t, y):
        blood, conc = y[:segments], y[segments:]
        plasma = start * np.exp(-rate * t)
        passed = conductance * (blood[:, None] - conc[None, :] / EPS)
        change = upwind @ blood + inlet * plasma - passed.sum(axis=1) / carriage.volume
        return np.concatenate([change, diffusion(conc) + passed.sum(axis=0) / volume - LOSS * conc])

    times = result.times.values * 3600.0
    y0 = np.zeros(segments + count)
    found = solve_ivp(slope, (0.0, times[-1]), y0, "BDF", t_eval=times, rtol=1e-7, atol=1e-6)
    assert found.success
    return found.y[:segments].T, found.y[segments:].T.reshape(-1, *shape)


def test_blood_and_voxels_equal_the_whole_system():
    """Body in mg, tissue in nM: amounts are converted both ways."""
    network = forked()
    result = solved(network=network, rtol=1e-5)
    blood, conc = reference(result, network)
    course = blood_course(result)
    assert course.concentration.unit == "ng/mL"
    found = course.concentration.values / MOLAR  # ug/L over kDa: nM
    assert np.abs(found - blood).max() < 1e-5 * blood.max()
    assert np.abs(result["total"].values - conc).max() < 1e-5 * conc.max()
    assert blood[0, -1] < 0.8 * blood[0, 0]  # it falls along the vessel
    assert course.imbalance < 1e-12
    assert result.ledger().largest < 1e-12


def test_tissue_gives_back_what_the_blood_carries_on():
    """Late, when the plasma is low, blood leaves richer than it came."""
    slow = {"k": "0 1/s", "CL": "200 mL/d", "P": "0.1 um/s"}
    result = solved(times=([0.01, 1.0], "h"), rtol=1e-4, values=slow)
    plasma = result.plasma["Cp"]
    assert plasma.unit == "mg/L"
    ratio = blood_course(result).concentration.values[:, -1] / (1e3 * plasma.values)
    assert ratio[0] < 0.95
    assert ratio[1] > 1.05


def test_fast_flow_is_the_plasma_everywhere():
    """With PS/Q to zero the vessels hold the plasma: the run without flowing blood."""
    still = solved(carried=None, rtol=1e-4)["total"].values
    errors = []
    for drop in (10.0, 100.0):
        fast = solved(network=forked(drop), rtol=1e-4)["total"].values
        errors.append(float(np.abs(fast - still).max() / still.max()))
    assert errors[0] == pytest.approx(10.0 * errors[1], rel=0.05)  # first order in PS/Q
    assert 1e-4 < errors[1] < 1e-3


def test_carriage_does_not_depend_on_the_pieces():
    """One concentration for each piece is first order in its length."""
    means = [
        float(solved(network=forked(pieces=p), rtol=1e-4)["total"].values[1].mean())
        for p in (40.0, 20.0, 10.0)
    ]
    assert np.abs(np.diff(means))[1] < 0.6 * np.abs(np.diff(means))[0]
    assert means[2] == pytest.approx(means[1], rel=0.02)


def test_a_binding_drug_keeps_its_amount():
    result = solved(binding(), values={"P": "0.5 um/s"}, times="0..24 h by 6 h", rtol=1e-3)
    assert blood_course(result, "F").imbalance < 1e-12
    assert result.ledger().largest < 1e-12
    assert 0.0 < blood_course(result).extraction[-1] < 1.0
    assert np.isnan(blood_course(result).extraction[0]) or float(result.times.values[0]) > 0.0


def test_a_tumour_around_vessels_takes_it():
    """Doxorubicin passes so fast that its exchange is spread over discs; blood does likewise."""
    tumour = kg.tumour.from_vessels(forked(), "NCI-N87", spacing="10 um")
    options = {
        "subject": "human 70 kg",
        "until": "10 min",
        "times": ["10 min"],
        "progress": False,
        "num_threads": 1,
    }
    means = []
    for carried in (None, ["F_doxorubicin"]):
        result = tumour.run("doxorubicin", "50 mg/m^2", carried=carried, **options)
        means.append(float(np.nanmean(result["total_doxorubicin"].values)))
    course = blood_course(result)
    assert course.imbalance < 1e-12
    assert 0.1 < course.extraction[-1] < 0.3
    assert 0.7 * means[0] < means[1] < 0.95 * means[0]


def test_an_explicit_method_agrees():
    """RKC2 has neither linear systems nor a border: twice the tolerance at most between them."""
    options = {"rtol": 1e-4, "times": ([0.05, 0.5], "h")}
    one, other = (solved(method=m, **options) for m in ("ros34pw2", "rkc2"))
    size = one["total"].values.max()
    assert np.abs(one["total"].values - other["total"].values).max() < 2e-4 * size
    blood = [blood_course(r).concentration.values for r in (one, other)]
    assert np.abs(blood[0] - blood[1]).max() < 2e-4 * blood[0].max()
    assert blood_course(other).imbalance < 1e-10


def test_bits_do_not_depend_on_threads():
    one, three = (solved(times="1 h", num_threads=n)["total"].values.tobytes() for n in (1, 3))
    assert one == three


def test_extraction_says_beforehand_whether_it_matters():
    """Where tissue holds nothing the blood loses what Renkin and Crone say."""
    network = forked(pieces=5.0)
    result = solved(network=network, times="1 min", values={"k": "50 1/s"})
    wall = result.problem.per_length[0] / (2.0 * np.pi * network.radius)
    expected = extraction(network, (wall, "um/s"))
    assert float(blood_course(result).extraction[-1]) == pytest.approx(expected.network, rel=2e-3)
    assert expected.network > 0.5
    one = network.subset(np.array([0]))
    share = extraction(one, "2 um/s")
    falls = 2.0 * one.surfaces[0] / (abs(one.flow[0]) * 1e6 / 60.0)  # nl/min in um^3/s: 1e6/60
    assert share.vessels[0] == pytest.approx(1.0 - np.exp(-falls), rel=1e-9)
    assert share.network == pytest.approx(share.vessels[0], rel=1e-12)
    antibody = extraction(network, "3e-7 cm/s")
    assert antibody.network < 3e-3
    assert antibody.shortfall < 2e-3
    assert "held the plasma (they do)" in str(antibody)
    assert "carried=True" in str(expected)
    assert len(expected.table()) == 7
    with pytest.raises(UnitError, match="KG-124: the permeability needs its unit"):
        extraction(network, 2.0)


def test_what_does_not_fit_is_named():
    network = forked()
    vessels = network.voxelize(GRID, kernel_radius="12 um")
    cases = [
        ({"exchange": "0.01 1/um"}, SpecError, "KG-166: carried: blood flows along a network"),
        ({"carried": ["G"]}, SpecError, "KG-103: carried: no species 'G' moves"),
        ({"carried": 3}, SpecError, "KG-119: carried must be True, names of species"),
        ({"tumour_volume": "1 mL"}, SpecError, "KG-164: carried: .* leave tumour_volume out"),
        ({"carried": {"F": 0.0}}, DataError, "KG-187: the carried fraction is zero"),
        (
            {"exchange": vessels.network.replace(flow=None).voxelize(GRID, kernel_radius="12 um")},
            DataError,
            "KG-187: the network has no flow",
        ),
        ({"sides": {"x low": "membrane"}}, SpecError, "KG-164: carried: .* side 'x low'"),
    ]
    for options, error, text in cases:
        with pytest.raises(error, match=text):
            solved(**options)
    with pytest.raises(SpecError, match="KG-118: no blood flowed in this run"):
        blood_course(solved(carried=None, times="1 min"))
    with pytest.raises(SpecError, match="KG-118: the blood carried no 'G'"):
        blood_course(solved(times="1 min"), "G")
