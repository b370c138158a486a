"""Long runs in volumes: checkpoints, going on, Ctrl-C, fields saved on the way, disks that refuse.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import krogh as kg
import numpy as np
import pytest
from krogh.errors import DataError, SolverError, SpecError
from krogh.space import Grid
from krogh.volume import Save
from krogh.volume.checkpoint import read_checkpoint, write_checkpoint
from line_models import body, tissue

GRID = Grid((3, 4, 5), "20 um")
LABELS = np.zeros(GRID.shape, dtype=np.uint8)
LABELS[0, 0, 0] = 255


def run(**options):
    given = {
        "systemic": body(),
        "dosing": "0.07 mg",
        "exchange": "0.004 1/um",
        "regions": LABELS,
        "times": "0..24 h by 6 h",
        "progress": False,
        "num_threads": 1,
    }
    return kg.simulate_volume(tissue(), GRID, **(given | options))


@pytest.fixture(scope="module")
def whole():
    return run()


def same(found, whole):
    assert found.is_complete
    assert found.snapshot is None
    assert list(found) == list(whole)
    for name in whole:
        assert found[name].values.tobytes() == whole[name].values.tobytes()


class Stop:
    """Progress that ends a run after so many looks; those come every 50 ms, so they wait here."""

    def __init__(self, error=None):
        self.error = error
        self.calls = 0

    def __call__(self, done, total, seconds):
        self.calls += 1
        if done > 0:
            if self.error is not None:
                raise self.error
            return False
        return True


def slow(**options):
    """A run that takes long enough for some looks at the clock."""
    grid = Grid((20, 20, 20), "20 um")
    return kg.simulate_volume(
        tissue(),
        grid,
        plasma={"Cp": (([0.0, 24.0], "h"), [500.0, 100.0], "nM")},
        times="0..24 h by 1 h",
        exchange="0.004 1/um",
        rtol=1e-6,
        num_threads=1,
        record=["total"],
        **options,
    )


# --- checkpoints ----------------------------------------------------------------------------------


def test_checkpoints_change_nothing_and_a_finished_one_gives_the_result(whole, tmp_path):
    path = tmp_path / "run.checkpoint"
    same(run(checkpoint=path, checkpoint_interval=1), whole)
    found = read_checkpoint(path)
    assert found.time == 86400.0
    assert int(found.state["next_record"]) == 5
    assert found.facts["krogh"] == kg.__version__
    same(run(resume=path), whole)  # nothing is left to do
    same(run(resume=True, checkpoint=path), whole)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_resume_true_begins_where_there_is_no_checkpoint(whole, tmp_path):
    path = tmp_path / "run.checkpoint"
    with pytest.raises(SolverError):
        run(resume=True, checkpoint=path, max_steps=9)
    assert 0.0 < read_checkpoint(path).time < 86400.0
    same(run(resume=True, checkpoint=path), whole)


def test_a_run_that_fails_goes_on_from_its_result(whole, tmp_path):
    result, reached = None, 0.0
    for most in range(4, whole.stats["accepted"] + whole.stats["rejected"], 5):
        with pytest.raises(SolverError) as caught:
            run(resume=result, max_steps=most, num_threads=1 + most % 3)
        result = caught.value.result
        assert result.snapshot.time > reached
        reached = result.snapshot.time
    path = result.write_checkpoint(tmp_path / "run.checkpoint")
    same(run(resume=result), whole)
    same(run(resume=path), whole)
    with pytest.raises(SpecError, match="KG-119: the run came to its end"):
        whole.write_checkpoint(path)
    with pytest.raises(SpecError, match="KG-119: resume: this result came to its end"):
        run(resume=whole)


def test_on_failure_keeps_where_it_stands(whole):
    found = run(max_steps=9, on_failure="nan")
    assert found.failures
    same(run(resume=found), whole)


def test_a_run_that_is_stopped_goes_on():
    stopped = slow(progress=Stop())
    assert not stopped.is_complete
    assert not stopped.failures
    assert 0.0 < stopped.snapshot.time < 86400.0
    same(slow(resume=stopped, progress=False), slow(progress=False))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("in progress")])
def test_exceptions_from_within_keep_what_was_reached(error, tmp_path):
    path = tmp_path / "run.checkpoint"
    with pytest.raises(type(error)) as caught:
        slow(progress=Stop(error), checkpoint=path)
    assert caught.value is error
    result = error.result
    assert not result.is_complete
    assert result.snapshot.time == read_checkpoint(path).time > 0.0
    assert "resume=error.result" in "".join(error.__notes__)
    assert str(path) in "".join(error.__notes__)
    text = str(result)
    assert "NOT DONE" in text
    expected = slow(progress=False)
    same(slow(resume=result, progress=False), expected)
    same(slow(resume=path, progress=False), expected)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"values": {"S0": "800 nM"}}, "values of the tissue's parameters"),
        ({"values": {"V": "2 mL"}}, "values of the plasma's parameters"),
        ({"dosing": "0.08 mg"}, "the doses"),
        ({"times": "0..24 h by 12 h"}, "the times"),
        ({"regions": None}, "the tissue's voxels"),
        ({"exchange": "0.005 1/um"}, "the exchange with vessels"),
        ({"rtol": 1e-4}, "rtol"),
        ({"record": ["total"]}, "what is recorded"),
        ({"fields": {"ke": np.full(GRID.shape, 3.3e-5)}}, "fields"),
        ({"sides": "periodic"}, "the sides"),
        ({"systemic": body(unit="ug", output="ug/L")}, "the systemic model"),
    ],
)
def test_a_checkpoint_of_another_problem_is_refused(change, what):
    found = run(max_steps=5, on_failure="nan")
    with pytest.raises(DataError, match=f"KG-238.*{what}"):
        run(resume=found, **change)


def test_another_grid_is_refused(whole):
    found = run(max_steps=5, on_failure="nan")
    with pytest.raises(DataError, match=r"KG-238.*the grid along x"):
        kg.simulate_volume(
            tissue(),
            Grid((3, 4, 6), "20 um"),
            "0.07 mg",
            systemic=body(),
            exchange="0.004 1/um",
            times="0..24 h by 6 h",
            progress=False,
            resume=found,
        )


def test_another_build_is_said(whole, tmp_path, caplog):
    found = run(max_steps=5, on_failure="nan")
    path = found.write_checkpoint(tmp_path / "run.checkpoint")
    stored = read_checkpoint(path)
    write_checkpoint(path, type(stored)(**{**vars(stored), "facts": {"krogh": "0.0.1"}}))
    with caplog.at_level(logging.WARNING, logger="krogh"):
        same(run(resume=path), whole)
    assert "had krogh 0.0.1" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resume": "nothing.checkpoint"}, "KG-237: there is no checkpoint"),
        ({"resume": True}, "KG-119: resume=True"),
        ({"resume": 3}, "KG-119: resume takes"),
        ({"checkpoint_interval": 0}, "KG-119: checkpoint_interval"),
        ({"checkpoint_interval": "-1 s"}, "KG-119: checkpoint_interval"),
        ({"checkpoint_interval": "1 um"}, "KG-121"),
        ({"checkpoint_interval": None}, "KG-119: checkpoint_interval"),
        ({"checkpoint": "no/folder/x"}, "KG-133: 'no/folder/x'"),
        ({"save": 3}, "KG-119: save takes"),
        ({"save": {"fields": ["total"]}}, "KG-119: save takes"),
        ({"save": {"file": "x.vti", "field": ["total"]}}, r"KG-119: save has no entry 'field'"),
        ({"save": {"file": "x.vti", "fields": ["totl"]}}, r"KG-103.*total"),
        ({"save": {"file": "x.vti", "times": "7 h"}}, "KG-119: save: 7 h is none of"),
        ({"save": "x.png"}, "KG-112"),
        ({"save": "no/folder/x.vti"}, "KG-133: 'no/folder/x.vti.series'"),
        ({"save": "no/folder/x.vtkhdf"}, "KG-133: 'no/folder/x.vtkhdf.part'"),
    ],
)
def test_what_is_wrong_is_said(options, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kg.errors.Error, match=message):
        run(**options)
    assert not list(tmp_path.iterdir())


# --- fields that are saved on the way -------------------------------------------------------------


def test_fields_go_to_a_file_while_the_run_goes_on(whole, tmp_path):
    pytest.importorskip("h5py")
    path = tmp_path / "tumour.vtkhdf"
    found = run(record=[], save={"file": path, "fields": ["occupancy", "F"], "times": "6 h"})
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert list(found) == []
    np.testing.assert_array_equal(found.content["F"].values, whole.content["F"].values)
    fields = kg.open(path)
    assert list(fields) == ["occupancy", "F"]
    assert fields["occupancy"].unit == "%"
    np.testing.assert_array_equal(fields.times, [6.0])
    np.testing.assert_array_equal(fields["occupancy"].values[0], whole["occupancy"].values[1])
    assert fields.facts["model"] == "tissue"
    same(run(save=path), whole)
    back, direct = kg.open(path), whole.fields()
    assert list(back) == list(direct)
    assert back.grid == direct.grid
    for name in direct:
        np.testing.assert_array_equal(back[name].values, direct[name].values)


def test_the_file_is_laid_out_for_paraview_and_xarray(whole, tmp_path):
    h5py = pytest.importorskip("h5py")
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    streamed, at_once = tmp_path / "a.vtkhdf", tmp_path / "b.vtkhdf"
    run(save=Save(streamed))
    whole.save(at_once)

    def entries(path):
        found = {}
        with h5py.File(path) as file:

            def note(name, item):
                attributes = {k: str(v) for k, v in item.attrs.items() if "_LIST" not in k}
                shape = getattr(item, "shape", None)
                scales = [d.keys() for d in item.dims] if shape is not None else None
                found[name] = attributes, shape, getattr(item, "dtype", None), scales

            file.visititems(note)
        return found

    assert entries(streamed) == entries(at_once)
    tree = xarray.open_datatree(streamed, engine="h5netcdf", phony_dims="sort")
    array = tree["VTKHDF/CellData"]["total"]
    assert array.dims == ("time", "z", "y", "x")
    np.testing.assert_array_equal(array.values, whole["total"].values)
    tree.close()


def test_a_series_of_vti(whole, tmp_path):
    path = tmp_path / "tumour.vti"
    run(record="total", save=Save(path, ["total"], "0..24 h by 12 h"))
    listed = json.loads((tmp_path / "tumour.vti.series").read_text())
    assert [f["time"] for f in listed["files"]] == [0.0, 12.0, 24.0]
    for entry, k in zip(listed["files"], (0, 2, 4), strict=True):
        fields = kg.open(tmp_path / entry["name"])
        np.testing.assert_array_equal(fields["total"].values[0], whole["total"].values[k])
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", ["tumour.vtkhdf", "tumour.vti"])
def test_a_file_of_fields_goes_on_with_the_run(whole, name, tmp_path):
    if name.endswith("hdf"):
        pytest.importorskip("h5py")
    path, stored = tmp_path / name, tmp_path / "run.checkpoint"
    steps = whole.stats["accepted"] + whole.stats["rejected"]
    options = {"save": path, "record": ["total"], "checkpoint": stored}
    for most in (3, steps // 2, steps - 1):
        with pytest.raises(SolverError) as caught:
            run(resume=most > 3, max_steps=most, **options)
        assert not path.exists()
    same(run(resume=caught.value.result, **options), run(record=["total"]))
    listed = [path] if name.endswith("hdf") else sorted(tmp_path.glob("*_*.vti"))
    values = np.concatenate([kg.open(p)["occupancy"].values for p in listed])
    np.testing.assert_array_equal(values, whole["occupancy"].values)
    assert not (tmp_path / "tumour.vtkhdf.part").exists()
    run(resume=True, **options)  # finished: nothing is done, and the file stays
    assert len(listed) == (1 if name.endswith("hdf") else 5)


def test_a_file_of_fields_that_is_not_the_one_that_was_begun(whole, tmp_path):
    pytest.importorskip("h5py")
    path = tmp_path / "tumour.vtkhdf"
    part = tmp_path / "tumour.vtkhdf.part"
    found = run(save=path, max_steps=whole.stats["accepted"] - 1, on_failure="nan")
    content = part.read_bytes()
    assert not content.startswith(b"\x89HDF")  # nobody takes it for a file
    expected = whole["free"].values[1].tobytes()
    at = content.index(expected)
    part.write_bytes(content[:at] + bytes(8) + content[at + 8 :])
    with pytest.raises(DataError, match=r"KG-237.*those at 6 h are others"):
        run(save=path, resume=found)
    part.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"KG-237.*bytes"):
        run(save=path, resume=found)
    part.unlink()
    with pytest.raises(DataError, match=r"KG-237.*is not there"):
        run(save=path, resume=found)
    with pytest.raises(DataError, match=r"KG-238.*what is saved"):
        run(resume=found)
    part.write_bytes(content)
    same(run(save=path, resume=found), whole)


# --- disks that refuse ----------------------------------------------------------------------------

FULL = """
import resource, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from test_long_runs import run, same
from krogh.errors import SpecError
whole = run()
free = resource.RLIM_INFINITY


def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, free))


within = 0
for size in {sizes}:
    limit(size)
    try:
        run(**{options})
    except SpecError as error:
        limit(free)
        assert error.code == "KG-133" and {name!r} in str(error), error
        assert not Path({name!r}).exists()
        result = getattr(error, "result", None)
        if result is None:  # found out before any work
            continue
        same(run(resume=result, **{options}), whole)
        Path({name!r}).unlink(missing_ok=True)
        within += 1
    else:
        raise SystemExit(f"written beyond {{size}} bytes")
print(within)
"""


def limited(tmp_path, name, options, sizes):
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "line")]
    code = FULL.format(paths=paths, options=options, sizes=sizes, name=name)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_full_disk_loses_no_checkpoint_and_no_result(tmp_path):
    pytest.importorskip("resource")
    options = "{'checkpoint': 'run.checkpoint', 'checkpoint_interval': 1}"
    assert limited(tmp_path, "run.checkpoint", options, [1, 2000, 6000]) == 3


def test_a_full_disk_loses_no_field(tmp_path):
    pytest.importorskip("resource")
    pytest.importorskip("h5py")
    options = "{'save': 'tumour.vtkhdf'}"
    assert limited(tmp_path, "tumour.vtkhdf", options, [0, 1000, 9000]) == 0  # before any work
    options = "{'save': 'tumour.vti'}"
    assert limited(tmp_path, "tumour.vti.series", options, [0, 1]) == 0
    assert limited(tmp_path, "tumour_0000.vti", options, [200, 1000, 2000]) == 3


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_error_of_the_disk_in_the_middle_of_a_file(whole, after, tmp_path, monkeypatch):
    """The run ends there, says which file, and goes on from the record that was not written."""
    pytest.importorskip("h5py")
    path = tmp_path / "tumour.vtkhdf"
    real, done = os.write, []

    def write(handle, data):
        if len(data) == 8 * GRID.num_voxels:
            if len(done) >= 3 * after + 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            done.append(len(data))
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(SpecError, match=r"KG-133: '.*tumour.vtkhdf.part'.*the disk is full") as e:
        run(save=path)
    monkeypatch.undo()
    result = e.value.result
    assert int(result.snapshot.state["next_record"]) == after
    assert result.snapshot.time == 21600.0 * after
    for name in whole.outputs:  # what was computed is there
        np.testing.assert_array_equal(
            result[name].values[: after + 1], whole[name].values[: after + 1]
        )
    assert not path.exists()
    same(run(save=path, resume=result), whole)
    back = kg.open(path)
    for name in whole.outputs:
        np.testing.assert_array_equal(back[name].values, whole[name].values)


# --- states that make no sense --------------------------------------------------------------------


def test_states_that_make_no_sense_are_refused(whole):
    """As a file with sums that fit may hold them: another size, kind or value of every part."""
    found = run(max_steps=9, on_failure="nan")
    parts = dict(found.snapshot.state)
    same(run(resume=found), whole)
    for name, value in parts.items():
        bad = [None, "text", np.zeros(3), np.full((2, 2), "x")]
        if np.ndim(value):
            bad += [value[:-1], np.append(value, 0.0)]
            bad += [np.full_like(value, np.nan)] if np.size(value) else [np.array([np.inf])]
        elif isinstance(value, float):
            bad += [np.nan, -np.inf]
        elif not isinstance(value, bool) and name.startswith("next"):
            bad += [-1, 2**40, 0.5]
        for other in bad:
            is_number = isinstance(other, np.ndarray) and other.dtype.kind == "f"
            if name == "method" and is_number and np.all(np.isfinite(other)):
                continue  # for an integrator that keeps something
            object.__setattr__(found.snapshot, "state", parts | {name: other})
            with pytest.raises(SpecError, match="KG-164"):
                pytest.fail(f"{name} = {other!r} was accepted: {run(resume=found)}")
        object.__setattr__(found.snapshot, "state", {k: v for k, v in parts.items() if k != name})
        with pytest.raises(SpecError, match="KG-164"):
            run(resume=found)
    object.__setattr__(found.snapshot, "state", parts | {"more": 1.0})
    with pytest.raises(SpecError, match="KG-164"):
        run(resume=found)
