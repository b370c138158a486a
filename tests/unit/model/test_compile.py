"""Compiled models: numbers through the core, doses, tables, switches, events, caching.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from krogh import _core
from krogh.errors import SpecError
from krogh.model import (
    Compartment,
    Covariate,
    DoseInput,
    Event,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Table,
    Variability,
)
from krogh.units import dimension, factor

MG = factor("mg")
NMOL = factor("nmol")


def plasma(*more, **options) -> Model:
    """One compartment as an amount."""
    return Model(
        "plasma",
        Parameter("CL", "0.2 L/h"),
        Parameter("V", "4 L"),
        Species("A", "mg"),
        Rate("A", "-CL/V*A"),
        Output("Cp", "A/V", unit="ug/mL"),
        *more,
        **options,
    )


def concentration(*more) -> Model:
    """The same compartment as a concentration."""
    return Model(
        "plasma",
        Parameter("CL", "0.2 L/h"),
        Parameter("V", "4 L"),
        Compartment("central", "V"),
        Species("C", "mg/L", compartment="central"),
        Reaction("C ->", rate="CL*C"),
        *more,
    )


TIMES = [0.0, 1.0, 3.0, 10.0]


def test_a_bolus_decays_as_the_formula_says(solve):
    values = solve(plasma(), TIMES, [(0.0, "A", 100 * MG, 0.0)])
    assert values[0, :, 0] == pytest.approx([25 * math.exp(-0.05 * t) for t in TIMES], rel=1e-8)


def test_names_units_and_factors_are_as_declared():
    c = plasma(Covariate("WT", "70 kg"), Variability("eta", 0.1)).compile()
    assert c.state_names == ("A",)
    assert c.state_units == ("mg",)
    assert c.parameter_names == ("CL", "V", "WT", "eta")
    assert c.parameter_units == ("L/h", "L", "kg", "")
    assert c.output_names == ("Cp",)
    assert c.output_units == ("ug/mL",)
    assert c.output_factors == pytest.approx([1e-3])  # ng/mL inside
    assert c.state_factors == pytest.approx([1 / MG])
    assert c.nominal == pytest.approx([0.2e15 / 3600, 4e15, 70e24, 0.0])
    assert c.program.num_states == 1
    assert c.program.is_linear
    assert not c.nominal.flags.writeable
    assert c.state_index("A") == c.cmt(1) == c.cmt("1") == c.cmt("A") == 0
    assert c.output_index("Cp") == 0
    assert c.parameter_index("WT") == 2


# --- packing --------------------------------------------------------------------------------------


def test_pack_returns_one_row_where_nothing_differs():
    c = plasma().compile()
    assert c.pack().shape == (1, 2)
    assert c.pack({}, 7).shape == (1, 2)
    assert c.pack({"CL": 0.4})[0, 0] == pytest.approx(0.4e15 / 3600)
    assert c.pack({"CL": [0.4]}, 5).shape == (1, 2)


@pytest.mark.parametrize(
    "given",
    [
        [4.0, 8.0],
        np.array([4.0, 8.0]),
        ([4000.0, 8000.0], "mL"),
        (np.array([4.0, 8.0]), "L"),
    ],
)
def test_pack_takes_one_value_per_subject(given):
    packed = plasma().compile().pack({"V": given})
    assert packed.shape == (2, 2)
    assert packed.flags.c_contiguous
    assert packed[:, 1] == pytest.approx([4e15, 8e15])
    assert packed[:, 0] == pytest.approx(0.2e15 / 3600)


def test_pack_takes_text_quantities_series_and_pint():
    pd = pytest.importorskip("pandas")
    pint = pytest.importorskip("pint")
    c = plasma().compile()
    expected = pytest.approx(0.4e15 / 3600)
    assert c.pack({"CL": "0.4 L/h"})[0, 0] == expected
    assert c.pack({"CL": "0.4"})[0, 0] == expected
    assert c.pack({"CL": ("0.4 L/h", "mL/h")[0]})[0, 0] == expected
    assert c.pack({"CL": pd.Series([0.4, 0.4])})[1, 0] == expected
    registry = pint.get_application_registry()
    assert c.pack({"CL": 0.4 * registry("liter/hour")})[0, 0] == expected


def test_pack_takes_categories_by_name():
    sex = Covariate("sex", "female", categories={"female": 0, "male": 1})
    c = plasma(sex).compile()
    assert c.pack({"sex": "male"})[0, 2] == 1.0
    assert list(c.pack({"sex": ["male", "female", "male"]})[:, 2]) == [1.0, 0.0, 1.0]
    assert list(c.pack({"sex": np.array([1, 0])})[:, 2]) == [1.0, 0.0]
    with pytest.raises(SpecError, match="no category"):
        c.pack({"sex": [0, 2]})
    with pytest.raises(SpecError, match="Did you mean 'male'"):
        c.pack({"sex": ["mal"]})


# --- doses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 50.0, -1.0, -2.0], ids=["bolus", "rate", "R", "D"])
def test_doses_into_a_concentration_are_divided_by_the_volume(solve, rate):
    scaled = rate * MG / 3600 if rate > 0 else rate
    dose = {"bioavailability": 0.5, "lag": "0.25[h]", "rate": "20[mg/h]", "duration": "1.5[h]"}
    amount = solve(plasma(DoseInput("A", **dose)), TIMES, [(0.0, "A", 100 * MG, scaled)])
    conc = solve(concentration(DoseInput("C", **dose)), TIMES, [(0.0, "C", 100 * MG, scaled)])
    assert conc[..., 0] == pytest.approx(amount[..., 0], rel=1e-7)
    assert amount[0, 1, 0] > 0


def test_doses_in_mass_reach_a_molar_species_through_the_molar_mass(solve):
    model = Model(
        "molar",
        Parameter("V", "4 L"),
        Parameter("MW", "150 kDa"),
        Compartment("central", "V"),
        Species("C", "nM", compartment="central", molar_mass="MW"),
    )
    c = model.compile()
    assert c.dose_dimension(0) == dimension("nmol")
    dose = c.dose_amount(0, 300.0, "mg")
    assert dose == pytest.approx(2000 * NMOL)
    assert c.dose_amount(0, np.array([2000.0]), "nmol") == pytest.approx([2000 * NMOL])
    assert c.dose_amount(0, 300.0, "mg/h") == pytest.approx(2000 * NMOL / 3600)
    assert solve(model, [0.0], [(0.0, "C", dose, 0.0)])[0, 0, 0] == pytest.approx(500.0)
    heavier = model.with_values(MW=300.0).compile()
    assert heavier.dose_amount(0, 300.0, "mg") == pytest.approx(1000 * NMOL)
    assert heavier.program is c.program
    with pytest.raises(SpecError, match=r"KG-111: 'MW' is part of the molar mass of 'C'"):
        c.pack({"MW": 300.0})


def test_doses_of_other_kinds_follow_the_species():
    model = Model(
        "kinds",
        Species("E", "IU"),
        Species("T", "mm"),
        Species("G", "nM"),
        Compartment("c", "2[L]"),
        Species("H", "kBq/mL", compartment="c"),
    )
    c = model.compile()
    assert c.dose_amount(0, 5.0, "kIU") == 5000.0
    assert c.dose_amount(1, 5.0, "mm") == 5000.0
    assert c.dose_amount(2, 5.0, "uM") == pytest.approx(5000.0)
    assert c.dose_amount(3, 5.0, "MBq") == pytest.approx(5e6)


def test_the_dose_input_is_chosen_by_route_and_drug():
    c = plasma(
        Species("depot", "mg"),
        DoseInput("depot", route="oral"),
        DoseInput("A", route="iv", drug="x"),
    ).compile()
    assert c.dose_state() == 1
    assert c.dose_state(route="IV") == 0
    assert c.dose_state(drug="x") == 0
    with pytest.raises(SpecError, match=r"no dose input for the route 'orl'.*'oral'"):
        c.dose_state(route="orl")
    assert plasma().compile().dose_state(route="oral") == 0  # a model that knows no routes


TRANSIT = "dose*ktr*(ktr*tad)^n*exp(-ktr*tad)/gamma(n + 1)"


@pytest.mark.parametrize("as_concentration", [False, True])
def test_an_input_function_equals_the_chain_it_describes(solve, as_concentration):
    parameters = [Parameter("ktr", "2 1/h"), Parameter("n", 3)]
    target = "C" if as_concentration else "A"
    base = concentration if as_concentration else plasma
    model = base(*parameters, DoseInput(target, bioavailability=0.7, input_function=TRANSIT))
    chain = [Species(f"a{i}", "mg") for i in range(4)]
    flow = [Rate("a0", "-ktr*a0"), Rate(target, f"ktr*a3{'/V' if as_concentration else ''}")]
    flow += [Rate(f"a{i}", f"ktr*(a{i - 1} - a{i})") for i in range(1, 4)]
    ode = base(*parameters, *chain, *flow, DoseInput("a0", bioavailability=0.7))
    doses = [(0.0, 100 * MG), (2.0, 50 * MG), (2.5, 30 * MG)]
    times = [0.5, 1.0, 2.0, 3.0, 6.0, 12.0]
    ours = solve(model, times, [(t, target, a, 0.0) for t, a in doses])
    theirs = solve(ode, times, [(t, "a0", a, 0.0) for t, a in doses])
    assert ours[0, :, 0] == pytest.approx(theirs[0, :, 0], rel=1e-6, abs=1e-9)


def test_an_inverse_gaussian_input_delivers_the_whole_dose(solve):
    model = Model(
        "ig",
        Parameter("mat", "2 h"),
        Parameter("cv", 0.5),
        Species("A", "mg"),
        DoseInput(
            "A",
            input_function="dose*sqrt(mat/(2*pi*cv^2*tad^3))*exp(-(tad - mat)^2/(2*cv^2*mat*tad))",
        ),
    )
    values = solve(model, [0.0, 2.0, 60.0], [(0.0, "A", 10 * MG, 0.0)])
    # Phi(0) + exp(2 lambda/mu) Phi(-2 sqrt(lambda/mu)) with lambda/mu = 1/cv^2 = 4 (Tweedie 1957)
    phi = 0.5 * math.erfc(2 * 2 / math.sqrt(2))
    assert values[0, 1, 0] == pytest.approx(10 * (0.5 + math.exp(8) * phi), rel=1e-6)
    assert values[0, 2, 0] == pytest.approx(10.0, rel=1e-6)


def test_room_for_stored_doses_follows_the_schedule(solve):
    model = plasma(Parameter("k", "5 1/h"), DoseInput("A", input_function="dose*k*exp(-k*tad)"))
    assert model.compile().stored == {"A": 16}
    assert model.compile(doses={"A": 20}).stored == {"A": 32}
    assert model.compile(doses={"A": 1}).stored == {"A": 1}
    doses = [(0.1 * i, "A", MG, 0.0) for i in range(20)]
    few, enough = model.compile(), model.compile(doses={"A": 20})
    with pytest.raises(SpecError, match=r"KG-113.*sees 16 doses; the schedule gives 20"):
        few.require_doses({0: 20})
    enough.require_doses({0: 20})
    lossless = Model(
        "m",
        Parameter("k", "5 1/h"),
        Species("D", "mg"),
        Species("A", "mg"),
        Rate("D", "-k*D"),
        Rate("A", "k*D - 0.05[1/h]*A"),
        Output("Cp", "A/4[L]", unit="ug/mL"),
    )
    ours = solve(model, [2.0, 4.0], doses, compiled=enough)
    theirs = solve(lossless, [2.0, 4.0], [(t, "D", a, r) for t, _, a, r in doses])
    assert ours == pytest.approx(theirs, rel=1e-6)
    stated = plasma(Parameter("k", "5 1/h"), DoseInput("A", input_function="dose*k", stored=3))
    assert stated.compile(doses={"A": 2}).stored == {"A": 3}


def _schedule(*records):
    """Records (time in s, kind, state, amount, rate, interval, steady)."""
    columns = list(zip(*records, strict=True))
    kinds = [float, np.int8, np.int32, float, float, float, np.int8]
    time, kind, state, amount, rate, interval, steady = (
        np.array(column, dtype=dtype) for column, dtype in zip(columns, kinds, strict=True)
    )
    n = len(records)
    offsets = np.array([0, n], dtype=np.int64)
    none = np.zeros(n, dtype=np.int32)
    return _core.Schedule(
        offsets, time, kind, state, amount, rate, interval, none, steady, shared=True
    )


def remembering() -> Model:
    return Model(
        "m",
        Parameter("k", "1 1/h"),
        Species("A", "mg"),
        Species("B", "mg"),
        DoseInput("A", input_function="dose*k*exp(-k*tad)"),
    )


@pytest.mark.parametrize("kind", ["reset", "steady"])
def test_a_reset_forgets_what_input_functions_remember(kind):
    c = remembering().compile()
    hour = 3600.0
    event = (hour, 3, 0, 0.0, 0.0, 0.0, 0)
    if kind == "steady":  # a constant infusion into B at steady state replaces the whole state
        event = (hour, 1, 1, 0.0, MG, 0.0, 1)
        model = remembering() + Rate("B", "-k*B")
        c = model.compile()
    schedule = _schedule(
        (0.0, 1, 0, MG, 0.0, 0.0, 0),
        (hour, 0, 0, 0.0, 0.0, 0.0, 0),
        event,
        (3 * hour, 0, 0, 0.0, 0.0, 0.0, 0),
    )
    run = _core.simulate_point(c.program, c.pack(), schedule, rtol=1e-9)
    values = run.values[0, :, 0] * c.output_factors[0]
    assert values == pytest.approx([1 - math.exp(-1), 0.0], rel=1e-7, abs=1e-12)


@pytest.mark.parametrize(
    "dose",
    [
        (0.0, 1, 0, MG, MG, 0.0, 0),
        (0.0, 1, 0, MG, 0.0, 3600.0, 1),
        (0.0, 1, 0, MG, 0.0, 3600.0, 2),
    ],
    ids=["infusion", "steady state", "added steady state"],
)
def test_input_functions_refuse_what_they_cannot_deliver(dose):
    c = remembering().compile()
    with pytest.raises(ValueError, match="an input function delivers doses into 'A'"):
        _core.simulate_point(c.program, c.pack(), _schedule(dose))


# --- values ---------------------------------------------------------------------------------------


def test_individual_parameters_cost_nothing_per_step():
    plain = plasma().compile()
    rich = Model(
        "rich",
        Parameter("TVCL", "0.2 L/h"),
        Parameter("TVV", "4 L"),
        Covariate("WT", "70 kg"),
        Variability(("eta1", "eta2"), [0.1, 0.1]),
        Rule("CL", "TVCL*(WT/70[kg])^0.75*exp(eta1)"),
        Rule("V", "TVV*WT/70[kg]*exp(eta2)"),
        Species("A", "mg"),
        Rate("A", "-CL/V*A"),
        Output("Cp", "A/V", unit="ug/mL"),
    ).compile()
    assert rich.program.num_instructions["rhs"] == plain.program.num_instructions["rhs"]
    assert rich.program.num_instructions["prologue"] > plain.program.num_instructions["prologue"]
    assert rich.program.is_linear
    heavy = rich.pack({"WT": 140.0, "eta1": 0.3})[0]
    value = rich.evaluate("CL/V", heavy) * 3600
    assert value == pytest.approx(0.2 / 4 * 2**0.75 / 2 * math.exp(0.3), rel=1e-14)
    rows = rich.pack({"WT": [70.0, 140.0]})
    assert rich.evaluate("V", rows) == pytest.approx([4e15, 8e15])
    with pytest.raises(SpecError, match=r"KG-111.*'A' changes in time"):
        rich.evaluate("A/V")
    with pytest.raises(SpecError, match=r"KG-108.*shape"):
        rich.evaluate("V", [1.0])


def test_initial_values_are_expressions(solve):
    model = Model(
        "m",
        Parameter("ksyn", "2 nM/h"),
        Parameter("kdeg", "0.5 1/h"),
        Species("R", "nM", initial="ksyn/kdeg"),
        Species("S", "nM", initial="R/2 + 1[uM]"),
    )
    assert solve(model, [0.0])[0, 0] == pytest.approx([4.0, 1002.0])
    assert solve(model, [0.0], values={"ksyn": [2.0, 4.0]})[1, 0, 0] == pytest.approx(8.0)


def test_steady_initial_values_solve_the_equations(solve):
    model = Model(
        "m",
        Parameter("ksyn", "2 nM/h"),
        Parameter("kmax", "4 nM/h"),
        Species("R", "nM", initial="steady", initial_guess="1[nM]"),
        Species("A", "mg", initial="5[mg]"),
        Rate("R", "ksyn - michaelis_menten(R, kmax, 3[nM])"),
        Rate("A", "-1[1/h]*A"),
    )
    values = solve(model, [0.0, 10.0])
    assert values[0, :, 0] == pytest.approx([3.0, 3.0], rel=1e-7)
    assert values[0, 0, 1] == 5.0


# --- tables and switches --------------------------------------------------------------------------

X, Y = [0.0, 1.0, 2.5, 4.0], [1.0, 3.0, 2.0, 5.0]


def driven(kind, x=X, y=Y) -> Model:
    return Model(
        "driven",
        Table("f", x, y, x_unit="h", y_unit="mg/h", kind=kind),
        Species("A", "mg"),
        Rate("A", "f(t)"),
        Output("rate", "f(t)", unit="mg/h"),
        Output("A", unit="mg"),
    )


@pytest.mark.parametrize("kind", ["linear", "pchip", "step"])
def test_tables_convert_units_and_integrate(solve, kind):
    interpolate = pytest.importorskip("scipy.interpolate")
    quad = pytest.importorskip("scipy.integrate").quad
    if kind == "linear":
        f = lambda t: np.interp(t, X, Y)  # noqa: E731
    elif kind == "pchip":
        pchip = interpolate.PchipInterpolator(X, Y)
        f = lambda t: float(pchip(t))  # noqa: E731
    else:
        f = lambda t: Y[np.searchsorted(X, t, side="right") - 1]  # noqa: E731
    times = [0.0, 0.5, 1.0, 2.0, 3.0, 3.9]
    values = solve(driven(kind), times, rtol=1e-10)[0]
    inside = [t for t in times if t not in X] if kind == "step" else times
    at = [times.index(t) for t in inside]
    assert values[at, 0] == pytest.approx([f(t) for t in inside], rel=1e-12)
    areas = [
        sum(quad(f, a, min(b, t), epsabs=1e-13)[0] for a, b in pairwise(X) if a < t) for t in times
    ]
    assert values[:, 1] == pytest.approx(areas, rel=1e-7, abs=1e-9)


def test_steps_are_switching_surfaces(solve):
    model = driven("step", np.linspace(0, 10, 101), np.arange(101.0))
    assert model.compile().program.num_surfaces == 100
    values = solve(model, [0.0, 0.05, 5.55])
    assert values[0, :, 0] == pytest.approx([0.0, 0.0, 55.0])
    assert values[0, 2, 1] == pytest.approx(sum(0.1 * i for i in range(55)) + 0.05 * 55)
    with pytest.raises(SpecError, match=r"KG-112: the step table 'f' of 't' has 300 points"):
        driven("step", np.arange(300.0), np.arange(300.0)).compile()


def test_step_tables_of_covariates_are_lookups(solve):
    model = Model(
        "m",
        Covariate("x", 0),
        Table("f", np.arange(300.0), np.arange(300.0) ** 2, x_unit="", y_unit="", kind="step"),
        Species("A", "", initial="f(x)"),
    )
    assert model.compile().program.num_surfaces == 0
    values = solve(model, [0.0], values={"x": [0.0, 3.0, 3.9, 299.0]})
    assert list(values[:, 0, 0]) == [0.0, 9.0, 9.0, 299.0**2]


@pytest.mark.parametrize("kind", ["linear", "pchip", "step"])
def test_there_is_no_extrapolation(solve, kind):
    with pytest.raises(AssertionError):  # the fixture asserts that nothing failed
        solve(driven(kind), [0.0, 5.0])


def test_break_times_are_the_points_of_tables_of_time():
    model = Model(
        "m",
        Table("f", X, Y, x_unit="h", y_unit="mg/h"),
        Table("g", [0.0, 7.0], [1, 2], x_unit="h", y_unit=""),
        Table("p", [0.0, 8.0], [1, 2], x_unit="h", y_unit="", kind="pchip"),
        Species("A", "mg"),
        Rate("A", "f(t)*g(2*t)*p(t)"),
    )
    assert model.compile().break_times == tuple(3600 * x for x in X)


def test_a_switch_in_time_is_met_exactly(solve):
    model = Model(
        "m",
        Species("A", "mg"),
        Rate("A", "if(t > 1[h] and not t >= 2.5[h], 3[mg/h], 0)"),
    )
    values = solve(model, [1.0, 2.0, 5.0])
    assert values[0, :, 0] == pytest.approx([0.0, 3.0, 4.5], abs=1e-9)


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("s > 1", [0, 0, 1]),
        ("s >= 1", [0, 1, 1]),
        ("s < 1", [1, 0, 0]),
        ("s <= 1", [1, 1, 0]),
        ("s == 1", [0, 1, 0]),
        ("s != 1", [1, 0, 1]),
        ("s == 0 or s == 2", [1, 0, 1]),
        ("not (s == 0 or s > 1)", [0, 1, 0]),
        ("s >= 0 and s <= 1", [1, 1, 0]),
        ("s > 0 and (s < 2 or s > 5)", [0, 1, 0]),
        ("not s < 1 and not s > 1", [0, 1, 0]),
    ],
)
def test_conditions_of_covariates_are_exact_at_equality(solve, condition, truth):
    model = Model(
        "m",
        Covariate("s", 0),
        Species("A", ""),
        Output("o", f"if({condition}, 1, 0)", unit=""),
    )
    assert list(solve(model, [0.0], values={"s": [0.0, 1.0, 2.0]})[:, 0, 0]) == truth
    c = model.compile()
    rows = c.pack({"s": [0.0, 1.0, 2.0]})
    assert list(c.evaluate(f"if({condition}, 1, 0)", rows)) == truth


def test_hill_is_zero_at_and_below_zero():
    c = Model("m", Parameter("x", 0.0), Parameter("n", 0.5), Species("A", "")).compile()
    rows = c.pack({"x": [-1e-9, 0.0, 2.0]})
    assert c.evaluate("hill(x, 2, n)", rows) == pytest.approx([0.0, 0.0, 0.5])


@pytest.mark.parametrize(("direction", "count"), [("rising", 1), ("falling", 2), ("both", 3)])
def test_events_fire_in_their_direction(solve, direction, count):
    # A oscillates: cos(t) crosses 0.5 downward at 1.05 and 7.33, upward at 5.24
    model = Model(
        "m",
        Species("A", "", initial=1),
        Species("B", ""),
        Species("n", ""),
        Rate("A", "-1[1/h]*B"),
        Rate("B", "1[1/h]*A"),
        Event("e", "A > 0.5", {"n": "n + 1"}, direction=direction),
    )
    values = solve(model, [0.0, 8.0])
    assert values[0, 1, 2] == count
    assert values[0, 1, 0] == pytest.approx(math.cos(8.0), abs=1e-7)


def test_events_may_join_conditions_and_change_several_species(solve):
    model = Model(
        "m",
        Species("A", "mg", initial="8[mg]"),
        Species("B", "mg"),
        Rate("A", "-A/1[h]"),
        Event("e", "A < 4[mg] and t > 0.1[h]", {"A": "A + B + 4[mg]", "B": "B + A"}),
    )
    once = math.log(2)
    values = solve(model, [0.0, once - 1e-3, once + 1e-3])
    assert values[0, 1, 1] == 0.0
    assert values[0, 2, 1] == pytest.approx(4.0, rel=1e-6)
    assert values[0, 2, 0] == pytest.approx(8.0 * math.exp(-1e-3), rel=1e-6)


# --- caching --------------------------------------------------------------------------------------


def test_equal_models_are_compiled_once():
    assert plasma().compile() is plasma().compile()


def test_threads_get_one_compiled_model():
    with ThreadPoolExecutor(4) as pool:
        models = [plasma(Parameter("only_here", i % 3)) for i in range(24)]
        compiled = list(pool.map(Model.compile, models))
    assert len({id(c) for c in compiled}) == 3
    assert len({id(c.program) for c in compiled}) == 1


def test_other_values_share_the_program():
    a, b = plasma().compile(), plasma().with_values(CL=1.0).compile()
    assert a is not b
    assert a.program is b.program
    assert b.nominal[0] == pytest.approx(1e15 / 3600)
    c = plasma(Rate("A", "-A/5[h]")).compile()
    assert c.program is not a.program


def test_compiled_models_are_pickled_through_their_model():
    c = plasma(DoseInput("A", input_function="dose/5[h]*exp(-tad/5[h])")).compile(doses={"A": 3})
    again = pickle.loads(pickle.dumps(c))
    assert again.stored == {"A": 4}
    assert again.parameter_names == c.parameter_names


def test_large_sums_compile():
    terms = " + ".join(f"p{i}*A" for i in range(800))
    model = Model(
        "m",
        *(Parameter(f"p{i}", f"{i + 1} 1/h") for i in range(800)),
        Species("A", "mg"),
        Rate("A", f"-({terms})"),
    )
    c = model.compile()
    assert c.program.num_parameters == 800
    assert c.evaluate(terms.replace("*A", "")) * 3600 == pytest.approx(800 * 801 / 2)
