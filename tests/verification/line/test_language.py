"""Lines through the model language against the bare solver, the cells, the point, and by hand.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import krogh as kg
import numpy as np
import pytest
from krogh import _core
from krogh.line import well_mixed
from krogh.model import DoseInput, Model, Parameter, Rate, Reaction, Rule, Species, Transport
from krogh.space import Cylinder, Slab, Sphere
from line_cases import mouse, n87, random_case, sensitivity_errors, value_of
from lines import bench_n87

pytestmark = pytest.mark.verification

SHAPES = [
    Cylinder("8 um", "75 um", cells=12),
    Sphere("150 um", cells=12),
    Slab("100 um", cells=12),
    Slab("100 um", cells=12, supply="both"),
]


def carrier(*more, wall="membrane", initial="0", unit="nM"):
    """One species that only moves."""
    return Model(
        "carrier",
        Parameter("D", "10 um^2/s"),
        Parameter("eps", "0.24"),
        Parameter("P", "3e-3 um/s"),
        Parameter("fu", "0.5"),
        Species("F", unit, initial=initial, molar_mass="150 kDa"),
        Transport(
            "F",
            diffusivity="D",
            void_fraction="eps",
            permeability="P" if wall == "membrane" else None,
            wall=wall,
            plasma=None if wall == "closed" else "Cp",
            free_in_plasma="1" if wall == "closed" else "fu",
        ),
        *more,
    )


def reservoir(unit="nM", volume="1e6 L", compartment=True):
    """A plasma that is only emptied by what the tissue takes, as concentration or amount."""
    concentration = unit in ("nM", "mg/L")
    parts = [Parameter("V", volume)]
    if concentration:
        parts.append(kg.Compartment("plasma", volume="V"))
        parts.append(
            Species("Cp", unit, compartment="plasma" if compartment else None, molar_mass="150 kDa")
        )
        parts += [DoseInput("Cp"), Rate("Cp", "0*Cp/1[h]")]
    else:
        parts += [
            Species("A", unit, molar_mass="150 kDa"),
            Rule("Cp", "A/V"),
            DoseInput("A"),
            Rate("A", "0*A/1[h]"),
        ]
    return Model("reservoir", *parts)


# --- one line through the language is the bare call -----------------------------------------------


def test_a_line_through_the_language_is_the_bare_call_bit_for_bit():
    shape = Cylinder("8 um", "75 um", cells=32)
    curve = (([0.0, 6.0, 24.0], "h"), [487.0, 300.0, 180.0], "nM")
    flat = (([0.0, 24.0], "h"), [400.0, 100.0], "nM")
    found = kg.simulate_line(
        n87(),
        shape,
        plasma={"C1": curve, "C2": flat},
        times=([6.0, 24.0], "h"),
        record=["F1", "S", "B1"],
        atol="1e-4 nM",
        rtol=1e-3,
    )
    times = np.array([0.0, 6.0, 24.0]) * 3600.0
    table = np.stack([curve[1], np.interp(times, times[[0, 2]], flat[1])])[None]
    compiled = n87().compile()
    run = _core.simulate_line(
        compiled.program,
        compiled.nominal[None].copy(),
        "cylindrical",
        shape.faces[None].copy(),
        [(0, "membrane", 0, "closed", -1), (1, "membrane", 1, "closed", -1)],
        np.full((1, 2, 32), 10.0),
        np.full((1, 2, 32), 0.24),
        np.array([6.0, 24.0]) * 3600.0,
        permeability=np.array([[[3e-3, 0.0], [3e-3, 0.0]]]),
        rtol=1e-3,
        atol=[1e-4] * 8,
        recorded=[0, 2, 3],
        table_times=times,
        table_values=np.ascontiguousarray(table),
    )
    for k, name in enumerate(("F1", "S", "B1")):
        assert np.array_equal(found[name].values[0], run.values[0, :, k])
    assert np.array_equal(found.content["B1"].values, run.contents[:, :, 3])
    assert np.array_equal(found.entered["F1"].values, run.entered[:, :, 0].sum(axis=-1))


def test_the_mouse_of_the_language_is_the_closed_form_of_the_benchmark():
    shape = Cylinder("8 um", "75 um", cells=32)
    found = kg.simulate_line(
        n87(),
        shape,
        "D1 3.6 mg/kg + D2 10.8 mg/kg",
        systemic=mouse(),
        weight="20 g",
        times=([6.0, 24.0], "h"),
        rtol=1e-7,
    )
    run = bench_n87(32, 3).but(faces=shape.faces).run([6 * 3600.0, 24 * 3600.0], rtol=1e-7)
    for state, name in ((2, "S"), (3, "B1"), (4, "B2")):
        expected = run.values[0, :, state]
        assert np.max(np.abs(found[name].values[0] - expected)) < 1e-5 * expected.max()


# --- cells check the line solver ------------------------------------------------------------------


@pytest.mark.parametrize("number", range(20))
def test_cells_and_line_agree_within_twice_the_tolerance(number):
    tissue, shape, options = random_case(number)
    rtol = 1e-4
    checked = kg.simulate_line(tissue, shape, rtol=rtol, method="line", **options)
    cells = kg.simulate_line(tissue, shape, rtol=rtol, method="cells", **options)
    for name in options["record"]:
        a, b = checked[name].values, cells[name].values
        assert np.max(np.abs(a - b)) <= 2.0 * rtol * np.max(np.abs(b)), name
    for name in checked.plasma:
        a, b = checked.plasma[name].values, cells.plasma[name].values
        assert np.max(np.abs(a - b)) <= 2.0 * rtol * np.max(np.abs(b)), name
    for name, entered in checked.entered.items():
        b = cells.entered[name].values
        assert np.max(np.abs(entered.values - b)) <= 2.0 * rtol * np.max(np.abs(b)), name


@pytest.mark.parametrize("number", range(20))
def test_rkc2_agrees_within_twice_the_tolerance(number):
    tissue, shape, options = random_case(number)
    line = kg.simulate_line(tissue, shape, rtol=1e-4, verify=True, **options)
    assert line.verification.method == "cells, rkc2"
    assert line.verification.is_within, line.verification
    assert 0.0 < line.verification.largest < 2e-4


# --- eps, signs, units and volumes by hand --------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize("unit", ["nM", "mg/L", "nmol", "mg"])
def test_at_rest_the_tissue_holds_eps_times_the_free_plasma(shape, unit):
    # C counts per total tissue volume: C = eps fu Cp, with Cp = dose/V in the tissue's unit
    found = kg.simulate_line(
        carrier(),
        shape,
        "150 g",  # 1 mmol in 1e6 L: 1 nM
        systemic=reservoir(unit),
        times="1000 d",
        rtol=1e-6,
    )
    assert found["F"].values[0, -1] == pytest.approx(0.24 * 0.5 * 1.0, rel=1e-6)


def test_a_mass_in_the_tissue_meets_moles_in_the_plasma():
    found = kg.simulate_line(
        carrier(unit="mg/L"), SHAPES[0], "150 g", systemic=reservoir("nmol"), times="1000 d",
        rtol=1e-6,
    )  # fmt: skip
    assert found["F"].values[0, -1] == pytest.approx(0.24 * 0.5 * 0.15, rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize("unit", ["nM", "mg/L", "nmol", "mg"])
def test_what_the_tumor_takes_leaves_the_plasma(shape, unit):
    # at rest: dose = Cp V + eps fu Cp V_tissue, V_tissue the tissue's part of the tumor
    found = kg.simulate_line(
        carrier(),
        shape,
        "0.15 mg",  # 1 nmol
        systemic=reservoir(unit, volume="2 mL"),
        tumour_volume="3 mL",
        times="1000 d",
        rtol=1e-8,
    )
    part = 1.0 - (8.0 / 75.0) ** 2 if shape.geometry == "cylindrical" else 1.0
    expected = 1e3 / (2.0 + 0.24 * 0.5 * 3.0 * part)  # nmol/mL to nM
    assert found["F"].values[0, -1] == pytest.approx(0.24 * 0.5 * expected, rel=1e-6)
    state = "Cp" if unit in ("nM", "mg/L") else "A"
    assert found.ledger(plasma={"dose": [state]}).largest < 1e-10
    cells = kg.simulate_line(
        carrier(),
        shape,
        "0.15 mg",
        systemic=reservoir(unit, volume="2 mL"),
        tumour_volume="3 mL",
        times="0..20 h by 5 h",
        rtol=1e-6,
        method="cells",
    )
    assert cells.ledger(plasma={"dose": [state]}).largest < 1e-9


def test_uptake_begins_as_permeability_times_surface():
    # d(content)/dt = P S fu Cp at the start, of a membrane that is the only resistance
    shape = Cylinder("8 um", "75 um", cells=12)
    found = kg.simulate_line(
        carrier(), shape, "150 g", systemic=reservoir(), times="1 s", values={"D": 1e6}, rtol=1e-8
    )
    expected = 3e-3 * 2.0 * math.pi * 8.0 * 0.5 * 1.0
    assert found.content["F"].values[0, -1] == pytest.approx(expected, rel=1e-3)
    assert found.entered["F"].values[0, -1] > 0.0


def test_the_ledger_of_a_two_way_dose_closes():
    for number in range(12):
        tissue, shape, options = random_case(number)
        options = {**options, "tumour_volume": "0.5 mL"}
        found = kg.simulate_line(tissue, shape, method="line", **options)
        drugs = [n for n in tissue.species if n.startswith("F")]
        plasma = {f"dose {i}": [f"A{i}", f"gone{i}"] for i in range(1, len(drugs) + 1)}
        assert found.ledger({}, plasma=plasma).largest < 1e-10


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize("method", ["line", "cells"])
def test_a_jump_of_eps_at_rest_stays_at_rest(shape, method):
    eps = np.where(np.arange(12) < 5, 0.24, 0.6)
    found = kg.simulate_line(
        carrier(wall="closed", initial="100[nM]*eps"),
        shape,
        fields={"eps": eps},
        times="5 d",
        method=method,
    )
    assert found["F"].values[0, -1] / eps == pytest.approx(np.full(12, 100.0), rel=1e-11)


def test_a_receptor_that_varies_is_bound_where_it_is():
    def model():
        return carrier(
            Parameter("k", "1e-3 1/(nM h)"),
            Parameter("R0", "100 nM"),
            Species("R", "nM", initial="R0"),
            Species("RF", "nM"),
            Reaction("F + R -> RF", "k*F*R"),
        )

    shape = Slab("20 um", cells=20, growth=1.0)
    half = np.where(np.arange(20) < 10, 0.0, 300.0)
    found = kg.simulate_line(
        model(), shape, "150 kg", systemic=reservoir(), fields={"R0": half}, times="2 d"
    )
    bound = found["RF"].values[0, -1]
    assert np.all(bound[:10] == 0.0)
    assert np.all(bound[10:] > 1.0)
    assert found["R"].values[0, -1] + bound == pytest.approx(half, rel=1e-10)


# --- fluid that moves -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(0, 20, 2))
def test_cells_and_line_agree_where_the_fluid_moves(number):
    tissue, shape, options = random_case(number)
    tissue = tissue.replace(tissue.transports["F1"].changed(retardation="0.7"))
    options["velocity"] = "0.05 um/s"
    if shape.geometry == "spherical":
        options["velocity"] = lambda r: -1e-3 * r
    line, cells = (
        kg.simulate_line(tissue, shape, rtol=1e-4, method=m, **options) for m in ("line", "cells")
    )
    for name in options["record"]:
        a, b = line[name].values, cells[name].values
        assert np.max(np.abs(a - b)) <= 2e-4 * np.max(np.abs(b)), name
    still = kg.simulate_line(tissue, shape, rtol=1e-4, **options | {"velocity": None})
    assert np.max(np.abs(still["F1"].values / line["F1"].values.max() - 1.0)) > 0.1


def test_against_a_closed_end_diffusion_balances_the_flow():
    # no flux at rest: q c = D eps dc/dx with c = C/eps, so c = fu Cp exp(q x/(D eps))
    shape = Slab("60 um", cells=24)
    for retardation in (1.0, 0.5):
        model = carrier(wall="fixed")
        model = model.replace(model.transports["F"].changed(retardation=retardation))
        for velocity in ("0.1 um/s", (np.full(25, 0.1), "um/s"), lambda x: 0.1 + 0.0 * x):
            found = kg.simulate_line(
                model, shape, "150 g", systemic=reservoir(), velocity=velocity, times="50 d",
                rtol=1e-8,
            )  # fmt: skip
            exact = 0.24 * 0.5 * np.exp(retardation * 0.1 * shape.centers / (10.0 * 0.24))
            assert found["F"].values[0, -1] == pytest.approx(exact, rel=1e-6)


def test_around_a_vessel_as_much_fluid_passes_every_face():
    shape = Cylinder("8 um", "75 um", cells=12)
    by_text, by_face = (
        kg.simulate_line(
            carrier(), shape, "150 g", systemic=reservoir(), velocity=v, times="2 h", lines=2
        )["F"].values
        for v in ((np.array([0.02, 0.02]), "um/s"), lambda r: 0.02 * 8.0 / r)
    )
    assert by_text == pytest.approx(by_face, rel=1e-12)


# --- without gradients ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_line_without_gradients_is_the_well_mixed_point(number):
    shape = SHAPES[number]
    values = {"D": 1e8, "P": 3e-3}
    body = Model(
        "body",
        Parameter("CL", "2 mL/d"),
        Parameter("V", "1 mL"),
        Species("A", "mg", molar_mass="150 kDa"),
        Rule("Cp", "A/V"),
        Rate("A", "-CL*Cp"),
        DoseInput("A"),
    )
    tissue = carrier(
        Parameter("k", "1e-4 1/(nM h)"),
        Species("R", "nM", initial="300 nM"),
        Species("RF", "nM"),
        Reaction("F + R <-> RF", "k*F*R", "0.1[1/h]*RF"),
    )
    times = ([1.0, 6.0, 24.0], "h")
    line = kg.simulate_line(
        tissue, shape, "0.1 mg", systemic=body, tumour_volume="0.4 mL", values=values, times=times,
        rtol=1e-8,
    )  # fmt: skip
    model = well_mixed(tissue, shape, body, "0.4 mL").with_values(values)
    point = kg.simulate(model, "0.1 mg", times=times, rtol=1e-9)
    for name in ("F", "R", "RF"):
        assert line.mean(name).values[0] == pytest.approx(point[name].values[0], rel=2e-5)
    assert line.plasma["A"].values[0] == pytest.approx(point["A"].values[0], rel=2e-5)
    gradient = kg.simulate_line(
        tissue, shape, "0.1 mg", systemic=body, tumour_volume="0.4 mL", times=times
    )
    apart = abs(gradient.mean("RF").values[0, 0] / point["RF"].values[0, 0] - 1.0)
    assert apart > 1e-4  # with gradients it is something else


# --- sensitivities --------------------------------------------------------------------------------


def test_sensitivities_are_those_of_differences():
    tissue, shape, options = random_case(0)
    options |= {"tumour_volume": "0.3 mL", "fields": {}}
    names = ["P1", "D1", "eps1", "S0", "V", "CL1", "outer_radius"]
    if "outer_radius" not in shape.length_names:
        names[-1] = shape.length_names[-1]
    if tissue.transports["F1"].permeability is None:
        names.remove("P1")
    found = kg.simulate_line(tissue, shape, sensitivities=names, rtol=1e-8, **options)
    base = {n: value_of(n, tissue, options["systemic"], shape) for n in names}
    for name in names:
        step = 1e-4 * base[name]
        pair = [
            kg.simulate_line(
                tissue, shape, rtol=1e-9, values={name: base[name] + s * step}, method="line",
                **options,
            )
            for s in (1.0, -1.0)
        ]  # fmt: skip
        for output in ("B1", "S"):
            slope = (pair[0][output].values - pair[1][output].values) / (2.0 * step)
            got = found.sensitivity(output, name).values
            assert np.max(np.abs(got - slope)) < 1e-4 * np.max(np.abs(slope)) + 1e-9
        slope = (pair[0].plasma["A1"].values - pair[1].plasma["A1"].values) / (2.0 * step)
        got = found.sensitivity("A1", name).values
        assert np.max(np.abs(got - slope)) < 1e-4 * np.max(np.abs(slope)) + 1e-9


@pytest.mark.parametrize("number", range(12))
def test_sensitivities_of_the_line_solver_are_those_of_the_cells(number):
    tissue, shape, options = random_case(number)
    options |= {"tumour_volume": "0.3 mL"}
    names = [
        n
        for n in [*tissue.parameters, *options["systemic"].parameters]
        if n not in options["fields"] and n != "MW"
    ]
    line, cells = (
        kg.simulate_line(tissue, shape, sensitivities=names, rtol=1e-8, method=m, **options)
        for m in ("line", "cells")
    )
    values = {n: value_of(n, tissue, options["systemic"], shape) for n in names}
    for output, name, error in sensitivity_errors(
        line, cells, (*options["record"], *line.plasma), values
    ):
        assert error <= 1e-6, (output, name, error)


def test_sensitivities_by_free_fraction_volume_and_bioavailability():
    body = Model(
        "body",
        Parameter("CL", "2 mL/d"),
        Parameter("V", "1 mL"),
        Parameter("F1", "0.7"),
        kg.Compartment("plasma", volume="V"),
        Species("Cp", "nM", compartment="plasma", molar_mass="150 kDa"),
        Rate("Cp", "-CL/V*Cp"),
        DoseInput("Cp", bioavailability="F1"),
    )
    names = ["fu", "V", "F1", "P", "eps", "D", "CL"]
    line, cells = (
        kg.simulate_line(
            carrier(), SHAPES[3], "0.1 mg over 2 h then 0.05 mg after 5 h", systemic=body,
            tumour_volume="0.4 mL", times=([1.0, 6.0, 24.0], "h"), sensitivities=names, rtol=1e-8,
            method=m,
        )
        for m in ("line", "cells")
    )  # fmt: skip
    assert line.method == "line, ros34pw2"
    for name in names:
        for output in ("F", "Cp"):
            b = cells.sensitivity(output, name).values
            apart = np.max(np.abs(line.sensitivity(output, name).values - b))
            assert apart <= 1e-6 * np.max(np.abs(b)), (output, name)
            assert np.max(np.abs(b)) > 0.0


def test_sensitivities_where_a_curve_feeds_the_tissue():
    curve = {"Cp": (([0.0, 3.0, 24.0], "h"), [0.0, 400.0, 100.0], "nM")}
    line, cells = (
        kg.simulate_line(
            carrier(), SHAPES[0], plasma=curve, sensitivities=["fu", "P"], rtol=1e-8, method=m
        )
        for m in ("line", "cells")
    )
    for name in ("fu", "P"):
        b = cells.sensitivity("F", name).values
        assert line.sensitivity("F", name).values == pytest.approx(b, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("outer_radius", {}, "sensitivities to the outer_radius"),
        ("lag", {"lag": "lag"}, "on which the lag of doses depends"),
        ("lag", {"duration": "lag"}, "on which the duration of doses depends"),
    ],
)
def test_sensitivities_that_the_line_solver_cannot_give_come_from_cells(name, change, words):
    body = Model(
        "body",
        Parameter("CL", "2 mL/d"),
        Parameter("V", "1 mL"),
        Parameter("lag", "1 h"),
        Species("A", "mg", molar_mass="150 kDa"),
        Rule("Cp", "A/V"),
        Rate("A", "-CL*Cp"),
        DoseInput("A", **change),
    )
    found = kg.simulate_line(
        carrier(), SHAPES[0], "0.1 mg", systemic=body, sensitivities=[name], times="5 h"
    )
    assert found.method.startswith("cells")
    assert words in str(found)
    assert np.all(np.isfinite(found.sensitivity("F", name).values))


def test_cells_hold_the_geometry_of_the_core():
    for shape in SHAPES:
        grid = _core.line_grid(shape.geometry, list(shape.faces))
        assert shape.volumes == pytest.approx(grid["volumes"], rel=1e-14)
