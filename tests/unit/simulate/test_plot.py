"""Pictures: drawn without a display, with units on the axes.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import subprocess
import sys

import krogh as kg
import numpy as np
import pytest

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def result(oral):
    return kg.simulate(
        oral, "100 mg oral every 12 h x 3", subjects=20, variability=True, time_unit="h"
    )


def test_population(result, tmp_path):
    path = tmp_path / "picture.png"
    figure = result.plot(path=path)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "time (h)"
    assert axes.get_ylabel() == "Cp (mg/L)"
    assert path.stat().st_size > 10_000
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["90% of subjects", "median", "dose"]
    line = next(line for line in axes.lines if line.get_label() == "median")
    assert np.array_equal(line.get_ydata(), result.median("Cp").values)
    marks = next(line for line in axes.lines if line.get_label() == "dose")
    assert marks.get_xdata().tolist() == [0.0, 12.0, 24.0]


def test_logarithmic_axis_leaves_zeros_out(result):
    (axes,) = result.plot(log=True).axes
    assert axes.get_yscale() == "log"
    line = next(line for line in axes.lines if line.get_label() == "median")
    assert np.isnan(line.get_ydata()[0])


def test_measurements_and_single_subject(oral):
    one = kg.simulate(oral, "100 mg oral", until="1 d")
    figure = one.plot("Cp", data=([0.1, 0.5], [1.0, 0.8]))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "measured" in labels


def test_rows_of_a_table(oral):
    table = kg.EventTable.from_frame(
        {
            "ID": [7, 7, 9, 9],
            "TIME": [0.0, 5.0, 0.0, 2.0],
            "EVID": [1, 0] * 2,
            "MDV": [1] * 4,
            "AMT": [100.0, 0.0, 50.0, 0.0],
        },
        units={"TIME": "h", "AMT": "mg"},
    )
    figure = kg.simulate(oral, table).plot()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == ["subject 7", "subject 9"]


def test_many_outputs_and_wrong_names(tmdd):
    result = kg.simulate(tmdd, "300 nmol every 7 d x 2")
    assert len(result.plot().axes) == 5
    with pytest.raises(kg.SpecError, match="no output 'Cc'"):
        result.plot("Cc")
    with pytest.raises(kg.SpecError, match="empty list"):
        result.plot([])


def test_drawing_needs_no_display_and_no_pyplot():
    code = (
        "import sys, krogh as kg;"
        "from krogh.model import Model, Species, Rate, DoseInput;"
        "m = Model('m', Species('A', 'mg'), Rate('A', '-0.1[1/h]*A'), DoseInput('A'));"
        "kg.simulate(m, '1 mg', until='1 d').plot();"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
