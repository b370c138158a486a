"""Results: axes, units, selection, export, text.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import builtins
import csv
import io
import pickle

import krogh as kg
import numpy as np
import pytest
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species


@pytest.fixture(scope="module")
def result(oral):
    return kg.simulate(
        oral, "100 mg oral every 12 h x 2", subjects=12, variability=True, until="1 d",
        every="1 h", time_unit="h",
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows(oral):
    table = kg.EventTable.from_frame(
        {
            "ID": [7, 7, 7, 9, 9],
            "TIME": [0.0, 1.0, 5.0, 0.0, 2.0],
            "EVID": [1, 0, 0, 1, 0],
            "MDV": [1] * 5,
            "AMT": [100.0, 0.0, 0.0, 50.0, 0.0],
        },
        units={"TIME": "h", "AMT": "mg"},
    )
    return kg.simulate(oral, table)


def test_axes_units_and_immutability(result):
    cp = result["Cp"]
    assert cp.dims == ("subject", "time")
    assert cp.shape == (12, 25)
    assert cp.unit == "mg/L"
    assert result.times.unit == "h"
    assert cp.coords["time"].tolist() == list(range(25))
    with pytest.raises(ValueError, match="read-only"):
        cp.values[0, 0] = 1.0
    with pytest.raises(AttributeError):
        result.subjects = None
    assert cp.to("ug/L").values[3, 4] == pytest.approx(1e3 * cp.values[3, 4])
    assert np.asarray(cp).shape == cp.shape
    with pytest.raises(kg.SpecError, match=r"no output 'Cpp'.*Did you mean 'Cp'"):
        result["Cpp"]


def test_selection(result):
    one = result.sel(subject=3)
    assert one.subjects.tolist() == [3]
    assert np.array_equal(one["Cp"].values[0], result["Cp"].values[2])
    assert len(one.exposure()) == len(result.exposure()) // 12
    assert result["Cp"].sel(subject=3, time=12.0).values == result["Cp"].values[2, 12]
    assert result["Cp"].sel(subject=[3, 1]).shape == (2, 25)
    with pytest.raises(kg.SpecError, match="no subject 99"):
        result.sel(subject=99)
    with pytest.raises(kg.SpecError, match=r"no time 0.5"):
        result["Cp"].sel(time=0.5)


def test_quantiles(result):
    values = result["Cp"].values
    assert np.allclose(result.median("Cp").values, np.median(values, axis=0))
    band = result.interval("Cp", 0.8)
    assert band.dims == ("quantile", "time")
    assert np.allclose(band.values, np.quantile(values, [0.1, 0.9], axis=0))
    with pytest.raises(kg.SpecError, match="between 0 and 1"):
        result.interval("Cp", 90)


def test_rows_of_a_table(rows):
    assert rows["Cp"].dims == ("row",)
    assert rows.times.values.tolist() == [1.0, 5.0, 2.0]
    assert rows.row_subjects.tolist() == [0, 0, 1]
    with pytest.raises(kg.SpecError, match="one time grid"):
        rows.median("Cp")
    one = rows.sel(subject=9)
    assert one.times.values.tolist() == [2.0]
    assert one["Cp"].values == rows["Cp"].values[2:]
    table = rows.to_table()
    assert table["ID"].tolist() == [7, 7, 9]


def test_frame_and_csv(result, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = result.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["ID", "TIME", "Cp"]
    assert frame.attrs["units"] == {"TIME": "h", "Cp": "mg/L"}
    assert len(frame) == 300
    text = result.to_csv(tmp_path / "result.csv")
    head, first, *_ = csv.reader(io.StringIO(text))
    assert head == ["ID", "TIME [h]", "Cp [mg/L]"]
    assert [float(v) for v in first] == [1.0, 0.0, 0.0]
    back = np.loadtxt(tmp_path / "result.csv", delimiter=",", skiprows=1)
    assert np.array_equal(back[:, 2], result["Cp"].values.ravel())
    exposure = result.exposure().to_frame()
    assert exposure.attrs["units"]["Cmax"] == "mg/L"


def test_xarray(result, rows):
    pytest.importorskip("xarray")
    data = result.to_xarray()
    assert data["Cp"].dims == ("subject", "time")
    assert data["Cp"].attrs["units"] == "mg/L"
    assert data["time"].attrs["units"] == "h"
    assert data.attrs["model"] == "oral"
    long = rows.to_xarray()
    assert long["subject"].values.tolist() == [7, 7, 9]


@pytest.mark.parametrize(
    ("module", "use"),
    [
        ("pandas", lambda r: r.to_frame()),
        ("xarray", lambda r: r.to_xarray()),
        ("matplotlib", lambda r: r.plot()),
    ],
)
def test_missing_extra_names_the_command(result, monkeypatch, module, use):
    import importlib

    real = importlib.import_module

    def without(name, *args):
        if name.partition(".")[0] == module:
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr("krogh.table.import_module", without)
    monkeypatch.setattr(builtins, "__import__", builtins.__import__)
    with pytest.raises(kg.MissingExtra, match=r'KG-901.*pip install "krogh\[std\]"'):
        use(result)


def test_text_and_notebook(result):
    text = str(result)
    assert text.splitlines()[0] == "oral: 12 subjects"
    assert "100 mg oral every 12 h x 2" in text
    assert "rtol 1e-06" in text
    assert "<table>" in result._repr_html_()
    assert "&" not in result.exposure()._repr_html_().replace("&hellip;", "")


def test_provenance(result):
    p = result.provenance
    assert p.version == kg.__version__
    assert p.seed == 0
    assert p.dosing == "100 mg oral every 12 h x 2"
    assert len(p.model_hash) == 16
    assert set(p.atol) == {"depot", "central"}
    assert p.steps_accepted > 0
    assert p.wall_seconds >= p.engine_seconds > 0.0
    assert p.method == "propagator, metrics rodas5p"


def test_results_can_be_pickled(result):
    again = pickle.loads(pickle.dumps(result))
    assert np.array_equal(again["Cp"].values, result["Cp"].values)
    assert str(again) == str(result)


def test_quantiles_leave_failed_subjects_out():
    from krogh.labeled import LabeledArray

    values = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, np.nan], [np.nan, np.nan]])
    array = LabeledArray(values, ("subject", "time"), "mg/L", coords={"subject": [1, 2, 3, 4]})
    assert array.median().values.tolist() == [2.0, 5.0]
    assert np.allclose(array.quantiles([0.25]).values, [[1.5, 5.0]])


def test_final_states(result):
    depot = result.final_states["depot"]
    assert depot.unit == "mg"
    expected = 100 * np.exp(-12.0) + 100 * np.exp(-24.0)
    # the run ends one interval after the last dose
    assert depot.values == pytest.approx(np.full(12, expected), rel=1e-4)


def test_the_printed_table_says_what_its_numbers_are(bolus):
    one = kg.simulate(bolus, "100 mg", until="1 h")
    assert "of the subjects" not in str(one)
    many = kg.simulate(bolus, "100 mg", until="1 h", subjects=3)
    assert "median (5 % .. 95 % of the subjects)" in str(many)
    frame = {"ID": [1] * 4, "TIME": [0, 5, 0, 5], "AMT": [100, 0, 100, 0], "EVID": [1, 0, 4, 0]}
    table = kg.EventTable.from_frame(frame, units={"TIME": "h", "AMT": "mg"})
    rows = str(kg.simulate(bolus, table))  # a clock that starts anew: no metrics, no common last
    assert "of the rows" in rows
    assert "last" not in rows


def test_the_methods_that_served_are_named():
    """Some subjects are stiff and some are not: both methods are named, not "auto"."""
    model = Model(
        "two speeds", Parameter("k", "1 1/h"), Species("A", "mg"),
        Rate("A", "-k*A*(1 + 0.01*A/(A + 1[mg]))"), DoseInput("A"), Output("Ao", "A", unit="mg"),
    )  # fmt: skip
    people = {"k": ([0.1, 1e5], "1/h")}
    result = kg.simulate(model, "1 mg every 12 h x 4", until="48 h", subjects=people)
    names = result.provenance.method.split(" and ")
    assert len(names) == 2
    assert names[0] == "explicit5"
    assert "auto" not in names
