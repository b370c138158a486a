"""Subjects that cannot be solved, progress, and Ctrl-C.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
import os
import signal
import threading

import krogh as kg
import numpy as np
import pytest
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species, Table
from krogh.simulate.progress import ProgressBar, chosen_progress


@pytest.fixture(scope="module")
def explosive():
    """dA/dt = k A^2 blows up at t = 1/(k A0)."""
    return Model(
        "explosive",
        Parameter("k", "0.1 1/mg/h"),
        Species("A", "mg"),
        Rate("A", "k*A*A"),
        DoseInput("A"),
        Output("A", unit="mg"),
    )


def test_one_subject_raises_with_species_time_and_advice(explosive):
    with pytest.raises(
        kg.SolverError, match=r"KG-310: .* at t = (9\.99|10)\S* h, subject 1"
    ) as info:
        kg.simulate(explosive, "1 mg", times=([1.0, 20.0], "h"))
    assert info.value.result.num_failed == 1
    assert np.isnan(info.value.result["A"].values).all()


def test_many_are_collected_and_counted(explosive, caplog):
    k = ([0.01, 0.1, 0.01, 0.2], "1/mg/h")
    with caplog.at_level(logging.WARNING, logger="krogh"):
        result = kg.simulate(explosive, "1 mg", subjects=4, values={"k": k}, times=([20.0], "h"))
    assert result.num_failed == 2
    assert [f.subject for f in result.failures] == [2, 4]
    assert str(result).splitlines()[0] == "explosive: 4 subjects, 2 FAILED"
    assert "2 of 4 subjects failed" in caplog.text
    assert np.isnan(result["A"].values[:, 0]).tolist() == [False, True, False, True]
    assert np.isnan(result.exposure(window="whole")["AUC"]).tolist() == [False, True, False, True]
    assert result.sel(subject=1).num_failed == 0


def test_on_failure(explosive, caplog):
    k = ([0.01, 0.1], "1/mg/h")
    options = {"subjects": 2, "values": {"k": k}, "times": ([20.0], "h")}
    with pytest.raises(kg.SolverError, match=r"subject 2 \(of 2\)"):
        kg.simulate(explosive, "1 mg", on_failure="raise", **options)
    with caplog.at_level(logging.WARNING, logger="krogh"):
        quiet = kg.simulate(explosive, "1 mg", on_failure="nan", **options)
    assert quiet.num_failed == 1
    assert not caplog.records


def test_too_many_steps(tmdd):
    with pytest.raises(kg.SolverError, match="max_steps"):
        kg.simulate(tmdd, "300 nmol every 7 d x 12", max_steps=10)


def test_progress_is_reported_and_can_stop(tmdd):
    seen = []

    def stop(done, total, seconds):
        seen.append((done, total, seconds))
        return False

    result = kg.simulate(
        tmdd, "300 nmol every 7 d x 12", subjects=20_000, variability=True, times=([84.0], "d"),
        metrics=False, progress=stop, num_threads=1, on_failure="nan",
    )  # fmt: skip
    assert seen
    assert seen[0][1] == 20_000
    assert not result.is_complete
    assert result.num_failed > 0
    assert np.isnan(result["C"].values[result.status != 0]).all()
    assert "STOPPED" in str(result)


def interrupt_soon():
    threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start()


def many(tmdd, **options):
    return kg.simulate(
        tmdd, "300 nmol every 7 d x 12", subjects=60_000, variability=True, times=([84.0], "d"),
        metrics=False, num_threads=1, rtol=1e-7, **options,
    )  # fmt: skip


def test_ctrl_c_raises(tmdd):
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        many(tmdd)


def test_ctrl_c_keeps_what_is_done_where_asked(tmdd):
    before = signal.getsignal(signal.SIGINT)
    interrupt_soon()
    result = many(tmdd, partial=True)
    assert signal.getsignal(signal.SIGINT) is before
    assert not result.is_complete
    assert np.isnan(result["C"].values[result.status != 0]).all()
    assert np.isfinite(result["C"].values[result.status == 0]).all()


def test_choice_of_progress(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert chosen_progress(None) is None
    assert chosen_progress(False) is None
    assert isinstance(chosen_progress(True), ProgressBar)


def test_bar_appears_only_after_two_seconds():
    bar = ProgressBar()
    assert bar(1, 10, 0.5)
    assert bar._bar is None
    assert bar(5, 10, 2.5)
    assert bar._bar is not None
    bar.close()
    assert bar._bar is None


def test_too_large_for_the_machine(bolus):
    with pytest.raises(kg.SpecError, match=r"KG-119: the result needs .* GiB"):
        kg.simulate(
            bolus, "100 mg", subjects=200_000, times=(np.arange(1_000_000), "s"), metrics=False
        )


def test_the_advice_fits_the_cause():
    sliding = Model(
        "sliding", Species("A", "mg"), Rate("A", "if(A > 2[mg], -1[mg/h], 1[mg/h])"),
        Output("Ao", "A", unit="mg"),
    )  # fmt: skip
    with pytest.raises(kg.SolverError, match=r"slides along[^$]*hill"):
        kg.simulate(sliding, None, until="5 h")
    short = Model(
        "short", Table("input", x=[0, 1], y=[1, 1], x_unit="h", y_unit="mg/h"), Species("A", "mg"),
        Rate("A", "input(t)"), Output("Ao", "A", unit="mg"),
    )  # fmt: skip
    with pytest.raises(kg.SolverError, match=r"outside the range of a table[^$]*min and max"):
        kg.simulate(short, None, until="5 h")


def test_a_cause_is_said_once():
    full = Model(
        "full", Species("A", "mg"), Rate("A", "-20[mg/h]*A/(50[mg] + A)"), DoseInput("A"),
        Output("Ao", "A", unit="mg"),
    )  # fmt: skip
    frame = {"ID": [1, 1], "TIME": [0, 3], "AMT": [100, 0], "II": [4, 0], "SS": [1, 0],
             "EVID": [1, 0]}  # fmt: skip
    table = kg.EventTable.from_frame(frame, units={"TIME": "h", "AMT": "mg"})
    with pytest.raises(kg.SolverError) as caught:
        kg.simulate(full, table)
    assert str(caught.value).count("no steady state was found") == 1
