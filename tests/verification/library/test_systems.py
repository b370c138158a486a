"""The systems of the library against the figures and findings that are published on them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest

PER_CELL = 1200.5  # molecules per cell and nM of BENCH-N87


def _mean(result, name):
    """Return the volume mean over time of the only line."""
    return np.asarray(result.mean(name).values)[0]


def _last(result, name):
    """Return the cells of the only line at the last time."""
    return np.asarray(result[name].values)[0, -1]


# --- T-DM1 and trastuzumab in NCI-N87 -------------------------------------------------------------

# trastuzumab mg/kg, r50 um, mean occupancy, volume > 10 %, > 50 %, mean nM, ADC at wall and mean,
# volume above 1e4 and 1e5 ADC per cell
BENCH = [
    (0.0, 14.06, 0.0509, 0.138, 0.024, 155.4, 2.8e6, 1.87e5, 0.409, 0.220),
    (10.8, 32.3, 0.2027, 0.413, 0.176, 619.6, 9.0e5, 1.86e5, 0.640, 0.378),
    (28.8, 49.9, 0.4548, 0.819, 0.436, 1389.9, 4.2e5, 1.85e5, 1.00, 0.599),
]


def _bench(naked, cells=320, growth=1.0, rtol=1e-4):
    """Return the benchmark's cylinder with a dose of trastuzumab beside 3.6 mg/kg of T-DM1."""
    drugs = [kg.library.drug(n, set="NCI-N87 benchmark") for n in ("T-DM1", "trastuzumab")]
    tumour = kg.library.tumour("NCI-N87").with_values(cells=cells, growth=growth)
    systemic, tissue = kg.library.assemble(drugs, tumour, "mouse 20 g")
    text = "T-DM1 3.6 mg/kg" + (f" + trastuzumab {naked} mg/kg" if naked else "")
    return kg.simulate_line(
        tissue,
        tumour.shape,
        kg.Regimen(text),
        systemic=systemic,
        weight="20 g",
        times="24 h",
        rtol=rtol,
    )


def _crossing(x, y, level):
    """Return where a falling profile crosses a level, straight between cell centers."""
    k = int(np.argmax(y < level))
    return x[k - 1] + (y[k - 1] - level) / (y[k - 1] - y[k]) * (x[k] - x[k - 1])


@pytest.mark.parametrize(
    ("naked", "r50", "occupied", "tenth", "half", "total", "wall", "mean", "e4", "e5"), BENCH
)
def test_benchmark_rows_through_the_assembled_models(
    naked, r50, occupied, tenth, half, total, wall, mean, e4, e5
):
    result = _bench(naked)
    x = np.asarray(result.positions).reshape(-1)
    volume = np.asarray(result.volumes).reshape(-1)
    weight = volume / volume.sum()
    occupancy = _last(result, "occupancy_HER2")
    adc = PER_CELL * _last(result, "total_TDM1")
    every = _last(result, "total_TDM1") + _last(result, "total_trastuzumab")

    def share(profile, level):
        """Return the part of the volume above a level, inside the radius of its crossing."""
        if np.all(profile > level):
            return 1.0
        radius = _crossing(x, profile, level)
        return (radius**2 - 8.0**2) / (75.0**2 - 8.0**2)

    assert _crossing(x, occupancy, 0.5) == pytest.approx(r50, abs=0.5)
    assert weight @ occupancy == pytest.approx(occupied, rel=0.01)
    assert weight @ every == pytest.approx(total, rel=0.01)
    assert weight @ adc == pytest.approx(mean, rel=0.01)
    assert adc[0] == pytest.approx(wall, rel=0.02)  # printed with two digits
    for profile, level, expected in (
        (occupancy, 0.1, tenth),
        (occupancy, 0.5, half),
        (adc, 1e4, e4),
        (adc, 1e5, e5),
    ):
        assert share(profile, level) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("naked", [0.0, 10.8, 28.8])
def test_benchmark_profile_at_the_default_grid_and_tolerance(naked):
    """The profile of the conjugate to 0.1 % (relative L2), near the wall to 1 %."""
    result, fine = _bench(naked, 64, 4.0, 1e-3), _bench(naked, 640, 1.0, 1e-6)
    x, volume = (np.asarray(a).reshape(-1) for a in (result.positions, result.volumes))
    adc = _last(result, "total_TDM1")
    expected = np.interp(x, np.asarray(fine.positions).reshape(-1), _last(fine, "total_TDM1"))
    error = np.sqrt(volume @ (adc - expected) ** 2 / (volume @ expected**2))
    assert error < 1e-3
    near = x < 18.0
    assert volume[near] @ adc[near] == pytest.approx(volume[near] @ expected[near], rel=0.01)


def test_more_naked_antibody_reaches_more_cells_with_less_each():
    """Few layers, many, all; the same payload delivered (Cilliers 2018)."""
    results = [_bench(n, cells=64) for n in (0.0, 10.8, 28.8)]
    means = [_mean(r, "uptake_TDM1")[-1] for r in results]
    np.testing.assert_allclose(means, means[0], rtol=0.02)
    above = [float(np.mean(_last(r, "uptake_TDM1") > 1e4)) for r in results]
    at_wall = [_last(r, "uptake_TDM1")[0] for r in results]
    assert above[0] < above[1] < above[2] == 1.0
    assert at_wall[0] > at_wall[1] > at_wall[2]


def test_default_values_are_those_of_the_benchmark_where_they_overlap():
    """Without payload, deconjugation and degradation the default is the benchmark."""
    plain = kg.library.drug("trastuzumab")
    tumour = kg.library.tumour("NCI-N87")
    means = []
    for drug in (plain, plain.with_set("NCI-N87 benchmark")):
        systemic, tissue = kg.library.assemble(drug, tumour, "mouse 20 g")
        result = kg.simulate_line(
            tissue, tumour.shape, "3.6 mg/kg", systemic=systemic, weight="20 g", times="24 h"
        )
        means.append(_mean(result, "total_trastuzumab")[-1])
    assert means[0] == pytest.approx(means[1], rel=2e-3)
    nmol = 3.6e6 * 0.020 / 148781
    assert 100 * means[1] * 1e-3 / nmol == pytest.approx(32, abs=0.5)  # % of the dose per mL


def test_permeability_of_a_lumped_model_lowers_uptake_fivefold():
    """With P and D of Scheuher's set uptake at 24 h falls from 32 to 6 % of the dose per gram."""
    tumour = kg.library.tumour("NCI-N87")
    base = kg.library.drug("trastuzumab", set="NCI-N87 benchmark")
    lumped = kg.library.drug("trastuzumab", set="Scheuher 2023").values
    changed = base.with_values({n: lumped[n].value for n in ("permeability", "diffusivity")})
    systemic, tissue = kg.library.assemble(changed, tumour, "mouse 20 g")
    result = kg.simulate_line(
        tissue, tumour.shape, "3.6 mg/kg", systemic=systemic, weight="20 g", times="24 h"
    )
    nmol = 3.6e6 * 0.020 / 148781
    share = 100 * _mean(result, "total_trastuzumab")[-1] * 1e-3 / nmol
    assert share == pytest.approx(6, abs=0.5)


def test_payload_and_kill_follow_the_conjugate():
    tumour = kg.library.tumour("NCI-N87")
    systemic, tissue = kg.library.assemble("T-DM1", tumour, "mouse 20 g")
    result = kg.simulate_line(
        tissue,
        tumour.shape,
        kg.Regimen("3.6 mg/kg"),
        systemic=systemic,
        weight="20 g",
        times="0..72 h by 24 h",
    )
    payload, viable = _last(result, "payload_TDM1"), _last(result, "viable")
    assert payload[0] > 10 * payload[-1] >= 0
    assert np.exp(-0.31 * 3) < viable[0] < 0.7  # the largest kill is 0.31 1/d
    assert viable[-1] > viable[0] + 0.2
    assert np.all(np.diff(_mean(result, "viable")) < 0)
    # the payload in cells cannot exceed what the antibody brought
    brought = 3.5 * np.asarray(result["uptake_TDM1"].values)[0]
    assert np.all(np.asarray(result["payload_TDM1"].values)[0].sum(-1) <= brought.sum(-1) + 1e-6)


# --- cetuximab: two doses in two tumours ----------------------------------------------------------


def test_uptake_depends_on_receptors_only_when_they_saturate():
    """30 and 300 ug of cetuximab in A431 and HT-29 (Thurber & Weissleder 2011, figure 3)."""
    found = {}
    for name in ("A431", "HT-29"):
        tumour = kg.library.tumour(name)
        systemic, tissue = kg.library.assemble("cetuximab", tumour, "mouse 20 g")
        for dose in ("30 ug", "300 ug"):
            result = kg.simulate_line(
                tissue, tumour.shape, dose, systemic=systemic, weight="20 g", times="24 h"
            )
            found[name, dose] = _mean(result, "total_cetuximab")[-1]
    assert found["HT-29", "30 ug"] == pytest.approx(found["A431", "30 ug"], rel=0.03)
    assert found["A431", "300 ug"] > 1.8 * found["HT-29", "300 ug"]
    assert found["A431", "300 ug"] == pytest.approx(10 * found["A431", "30 ug"], rel=0.02)


# --- small molecules ------------------------------------------------------------------------------


def _doxorubicin(scale):
    """Return a cord at 10, 60 and 180 min of a 3-h infusion of 150 mg, first phase of plasma only.

    Plasma: dose times 0.0746 1/L exp(-2.69e-3/s t), convolved with the infusion.
    """
    seconds = np.linspace(0.0, 3 * 3600.0, 2001)
    mg_per_L = 150 * 0.0746 / (2.69e-3 * 3 * 3600) * (1 - np.exp(-2.69e-3 * seconds))
    tumour = kg.library.tumour("tumour cord").with_values(cells=128)
    _, tissue = kg.library.assemble("doxorubicin", tumour, None)
    curve = ((seconds, "s"), scale * mg_per_L * 1e6 / 543.52, "nM")
    result = kg.simulate_line(
        tissue,
        tumour.shape,
        plasma={"Cp_doxorubicin": curve},
        times=([10, 60, 180], "min"),
        rtol=1e-5,
    )
    # ng per 1e5 cells of nM in 0.6 of the volume at 1e9 cells/mL
    inside = np.asarray(result["intracellular_doxorubicin"].values)[0] * 0.6 * 543.52e-3 * 1e-4
    return np.asarray(result.distance).reshape(-1), inside


def test_doxorubicin_profiles_of_the_cord_model():
    """Half-distances and profile computed from the same values by another program.

    That program puts 0.6 times the plasma concentration per tissue volume outside the wall, 1.5
    times what is in equilibrium with a void fraction of 0.4, so its plasma is scaled here.
    """
    x, inside = _doxorubicin(1.5)
    halves = [np.interp(-0.5 * np.interp(0.5, x, c), -c, x) for c in inside]
    np.testing.assert_allclose(halves, [9.5, 16.3, 23.9], atol=0.06)
    profile = np.interp([0.5, 20, 40, 60, 100], x, inside[-1])
    np.testing.assert_allclose(profile, [0.852, 0.478, 0.269, 0.156, 0.0715], rtol=0.005)


def test_doxorubicin_where_diffusion_is_slow():
    """The published uptake takes what bound drug causes out of the free drug, below zero here."""
    study = kg.Study("doxorubicin", "tumour cord", "50 mg/m2 over 3 h", subject="human 70 kg")
    study = study.with_values({"drug.diffusivity": "16 um^2/s"})
    arguments = study.line_arguments()
    arguments.pop("method", None)
    arguments |= {"times": "15 min", "rtol": 1e-4}
    free, cells = (
        np.asarray(kg.simulate_line(**arguments, method=m)["free_doxorubicin"].values)
        for m in ("line", "cells")
    )
    assert free.min() < 0.0
    np.testing.assert_allclose(free, cells, atol=1e-3 * free.max())


def test_doxorubicin_gradients_are_steeper_than_measured_ones_early():
    """The set is known to give shorter gradients than 40-50 um; see the notes of the drug."""
    x, inside = _doxorubicin(1.0)
    early = np.interp(-0.5 * np.interp(0.5, x, inside[0]), -inside[0], x)
    late = np.interp(-0.5 * np.interp(0.5, x, inside[-1]), -inside[-1], x)
    assert early < late < 40


@pytest.mark.parametrize(
    ("tumour", "low", "high", "hours"),
    [("glioma, enhancing", 0.28, 0.31, 27.7), ("glioma, non-enhancing", 0.032, 0.094, 19.6)],
)
def test_methotrexate_in_glioma_stays_above_two_micromolar(tumour, low, high, hours):
    """Ratio of exposures (put in) and time above 2 uM (Blakeley 2009: 20-26 h)."""
    place = kg.library.tumour(tumour)
    systemic, tissue = kg.library.assemble("methotrexate", place, "human 70 kg")
    result = kg.simulate_line(
        tissue,
        place.shape,
        "12 g/m2 over 4 h",
        systemic=systemic,
        weight="70 kg",
        surface=kg.library.subject("human").surface,
        times="0..72 h by 0.25 h",
    )
    fluid = _mean(result, "free_methotrexate")
    plasma = np.asarray(result.plasma["Cp_methotrexate"].values)[0]
    assert low < np.trapezoid(fluid) / np.trapezoid(plasma) < high
    assert 0.25 * np.sum(fluid > 2000) == pytest.approx(hours, abs=1.5)


# --- size -----------------------------------------------------------------------------------------


def test_a_nanobody_enters_fast_and_leaves_or_stays_by_its_binding():
    """15 kDa: permeability six times that of IgG, gone from plasma within an hour; retained."""
    tumour = kg.library.tumour("NCI-N87")
    share = {}
    for name in ("nanobody", "trastuzumab"):
        drug = kg.library.drug(name)
        systemic, tissue = kg.library.assemble(drug, tumour, "mouse 20 g")
        result = kg.simulate_line(
            tissue,
            tumour.shape,
            "1 nmol",
            systemic=systemic,
            weight="20 g",
            times="0..24 h by 1 h",
        )
        share[name] = 100 * _mean(result, f"total_{drug.label}") * 1e-3  # % of 1 nmol per mL
        plasma = np.asarray(result.plasma[f"Cp_{drug.label}"].values)[0]
        if name == "nanobody":
            assert plasma[1] < 0.01 * plasma[0]
    assert share["nanobody"][1] > share["trastuzumab"][1]
    assert share["nanobody"][24] < 0.2 * share["trastuzumab"][24]
    assert share["nanobody"][24] > 0.9 * share["nanobody"][1]
    loose = kg.library.drug("nanobody").with_values(KD="1 mM")
    systemic, tissue = kg.library.assemble(loose, tumour, "mouse 20 g")
    result = kg.simulate_line(
        tissue, tumour.shape, "1 nmol", systemic=systemic, weight="20 g", times="24 h"
    )
    assert 100 * _mean(result, "total_nanobody")[-1] * 1e-3 < 0.05 * share["nanobody"][24]


def test_larger_particles_enter_less_and_spheroids_fill_by_porosity():
    tumour = kg.library.tumour("HER2 3+")
    entered = []
    for radius in ("5 nm", "10 nm", "50 nm"):
        drug = kg.library.drug("liposome").with_values(radius=radius)
        _, tissue = kg.library.assemble(drug, tumour, None)
        result = kg.simulate_line(
            tissue,
            tumour.shape,
            plasma={"Cp_liposome": (([0, 6], "h"), [10.0, 10.0], "nM")},
            times="6 h",
        )
        entered.append(_mean(result, "total_liposome")[-1])
    assert entered[0] > entered[1] > entered[2]
    ball = kg.library.tumour("SK-BR-3 spheroid")
    found = kg.library.assembly_of("liposome", ball, None)
    result = kg.simulate_line(
        found.tissue,
        ball.shape,
        plasma={"Cp_liposome": (([0, 20], "d"), [10.0, 10.0], "nM")},
        fields=found.fields,
        times="20 d",
    )
    inside = np.asarray(result.positions).reshape(-1) / 200.0
    np.testing.assert_allclose(_last(result, "free_liposome"), 10.0, rtol=1e-3)
    porosity = 0.83209 * inside**5.1257 + 0.16791
    np.testing.assert_allclose(
        _last(result, "total_liposome"), 10.0 * 0.045125 * porosity, rtol=2e-3
    )


# --- a labeled tracer with cold drug -------------------------------------------------------------


def _tracer(doses, subject, times="96 h"):
    """Return the mean label and the mean total drug of a regimen at its last time, nM."""
    tumour = kg.library.tumour("HER2 3+")
    drugs = ["Zr-trastuzumab", "trastuzumab"]
    systemic, tissue = kg.library.assemble(drugs, tumour, subject)
    result = kg.simulate_line(
        tissue, tumour.shape, kg.Regimen(doses), systemic=systemic, times=times
    )
    total = _mean(result, "total_tracer")[-1] + _mean(result, "total_trastuzumab")[-1]
    return _mean(result, "label_tracer")[-1], total


def test_cold_drug_fills_the_sink_of_patients_and_raises_the_label_in_tumours():
    """10 mg in naive patients < 10 mg with 40 mg < 10 mg on therapy (Dijkers 2010: the order)."""
    cold = ["", " + trastuzumab 40 mg", " + trastuzumab 450 mg"]
    label, total = zip(
        *(_tracer(f"Zr-trastuzumab 10 mg{c}", "human 70 kg") for c in cold), strict=True
    )
    assert label[0] < label[1] < label[2]
    assert 1.1 < label[1] / label[0] < 1.6
    assert total[0] < total[1] < total[2]


def test_cold_mass_lowers_the_label_where_receptors_saturate_and_raises_the_drug():
    """In mice, without a saturable sink, only the receptors of the tumour are shared."""
    cold = ["", " + trastuzumab 45 ug", " + trastuzumab 2 mg"]
    label, total = zip(
        *(_tracer(f"Zr-trastuzumab 5 ug{c}", "mouse 20 g") for c in cold), strict=True
    )
    assert label[1] == pytest.approx(label[0], rel=0.01)  # far from saturation
    assert label[2] < 0.85 * label[0]
    assert total[2] > 100 * total[0]


def test_activity_is_the_label_after_decay():
    tumour = kg.library.tumour("HER2 3+")
    systemic, tissue = kg.library.assemble("Zr-trastuzumab", tumour, "human 70 kg")
    result = kg.simulate_line(
        tissue, tumour.shape, "10 mg", systemic=systemic, times="0..144 h by 48 h"
    )
    share = _mean(result, "activity_tracer")[1:] / _mean(result, "label_tracer")[1:]
    np.testing.assert_allclose(share, 0.5 ** (np.array([48, 96, 144]) / 78.41), rtol=1e-9)


# --- a second opinion -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drugs", "tumour", "dose", "output"),
    [
        (
            ["T-DM1", "trastuzumab"],
            "NCI-N87",
            "T-DM1 3.6 mg/kg + trastuzumab 3.6 mg/kg",
            "payload_TDM1",
        ),
        (["nanobody"], "HER2 2+", "1 nmol", "total_nanobody"),
    ],
)
def test_both_integrators_agree_on_assembled_models(drugs, tumour, dose, output):
    place = kg.library.tumour(tumour).with_values(cells=12)
    systemic, tissue = kg.library.assemble(drugs, place, "mouse 20 g")
    line, points = (
        kg.simulate_line(
            tissue,
            place.shape,
            kg.Regimen(dose),
            systemic=systemic,
            weight="20 g",
            times="12 h",
            rtol=1e-5,
            method=method,
        )
        for method in ("line", "cells")
    )
    a, b = _last(line, output), _last(points, output)
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * a.max())


def test_a_conjugate_alone_equals_the_pair_without_a_dose_of_its_antibody():
    tumour = kg.library.tumour("NCI-N87")
    found = []
    for drugs in ("T-DM1", ["T-DM1", "trastuzumab"]):
        systemic, tissue = kg.library.assemble(drugs, tumour, "mouse 20 g")
        result = kg.simulate_line(
            tissue,
            tumour.shape,
            kg.Regimen("T-DM1 3.6 mg/kg"),
            systemic=systemic,
            weight="20 g",
            times="72 h",
            rtol=1e-6,
        )
        found.append(
            {n: _last(result, n) for n in ("occupancy_HER2", "payload_TDM1", "total_TDM1")}
        )
    for name, alone in found[0].items():
        np.testing.assert_allclose(found[1][name], alone, rtol=1e-6, atol=1e-9 * alone.max())
