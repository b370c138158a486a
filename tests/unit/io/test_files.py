"""Files: round trips of an asymmetric phantom, foreign and damaged files, disks and signals.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import krogh
import numpy as np
import pytest
from krogh.errors import DataError, MissingExtra, SpecError
from krogh.io import Fields, Image, read
from krogh.space import Grid

TURN = np.array([[0.8, 0.0, -0.6], [0.0, -1.0, 0.0], [0.6, 0.0, 0.8]])
GRID = Grid((3, 4, 5), ("1 mm", "2 mm", "3 mm"), ("5 mm", "6 mm", "-7 mm"), TURN)


def phantom(grid: Grid = GRID, dtype: str = "f8") -> Image:
    """Return an image that differs from each of its mirror images and rotations."""
    values = np.arange(grid.num_voxels, dtype=np.float64).reshape(grid.shape)
    values[0, 0, 0] = 99.0
    return Image(values.astype(dtype), grid, "nM", name="phantom")


def fields() -> Fields:
    rng = np.random.default_rng(0)
    return Fields(
        GRID,
        ([0.0, 6.0, 24.0], "h"),
        {
            "occupancy": (rng.random((3, *GRID.shape)), ""),
            "free & bound <x>": (rng.random((3, *GRID.shape)).astype(np.float32), "nM"),
            "label": (rng.integers(0, 9, (3, *GRID.shape)), ""),
            "inside": (rng.random((3, *GRID.shape)) > 0.5, ""),
        },
        descriptions={"occupancy": "occupancy -- mean over cells"},
        facts={"study": "a --> b", "numbers": [1, 2]},
    )


def same(one: Fields, other: Fields) -> None:
    assert list(one) == list(other)
    assert one.time_unit == other.time_unit
    assert np.array_equal(one.times, other.times)
    one.grid.same_as(other.grid)
    for name in one:
        assert np.array_equal(one[name].values, other[name].values, equal_nan=True), name
        assert one[name].unit == other[name].unit
        assert one.describe(name) == other.describe(name)
    assert one.facts == other.facts


# --- NIfTI ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "i2", "?"])
def test_nifti_keeps_values_place_and_unit(tmp_path, suffix, dtype):
    pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    image = phantom(dtype=dtype)
    found = read(image.save(tmp_path / f"phantom{suffix}"))
    assert np.array_equal(found.values, image.values)
    assert found.unit == "nM"
    assert found.name == "phantom"
    GRID.same_as(found.grid)
    again = read(found.save(tmp_path / f"again{suffix}"))
    assert np.array_equal(again.grid.affine, found.grid.affine)  # to the last bit


def test_nifti_of_others_is_read_as_its_library_reads_it(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    values = np.arange(24, dtype=np.int16).reshape(4, 3, 2)  # x, y, z
    affine = np.array([[-2.0, 0, 0, 90], [0, 2.0, 0, -126], [0, 0, 3.5, -72], [0, 0, 0, 1]])
    picture = nibabel.Nifti1Image(values, affine)
    picture.header.set_slope_inter(0.5, -10.0)
    picture.header.set_xyzt_units("mm", "sec")
    nibabel.save(picture, tmp_path / "other.nii.gz")
    image = read(tmp_path / "other.nii.gz", unit="1/mm^2")
    assert image.values.shape == (2, 3, 4)
    assert image.values[1, 2, 3] == 0.5 * values[3, 2, 1] - 10.0
    assert np.array_equal(image.grid.affine, affine)
    assert image.grid.is_left_handed
    place = image.grid.position([1, 2, 3]) / 1000.0
    assert np.allclose(place, nibabel.affines.apply_affine(affine, [3, 2, 1]))
    assert image.unit == "1/mm^2"
    assert read(tmp_path / "other.nii.gz").unit == ""


def test_nifti_written_here_is_read_elsewhere(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    phantom().save(tmp_path / "phantom.nii.gz")
    picture = nibabel.load(tmp_path / "phantom.nii.gz")
    assert picture.shape == (5, 4, 3)
    assert np.array_equal(picture.get_fdata(), phantom().values.T)
    assert np.allclose(picture.affine, GRID.affine, atol=1e-5)
    assert np.allclose(picture.get_qform(), GRID.affine, atol=1e-5)
    assert picture.header.get_xyzt_units()[0] == "mm"


def test_nifti_with_times_has_channels(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    values = np.random.default_rng(0).random((4, 3, 2, 5)).astype(np.float32)
    picture = nibabel.Nifti1Image(values, np.eye(4))
    picture.header.set_xyzt_units("mm", "sec")
    picture.header["pixdim"][4] = 2.5
    nibabel.save(picture, tmp_path / "dce.nii")
    image = read(tmp_path / "dce.nii")
    assert image.channels == ("0 s", "2.5 s", "5 s", "7.5 s", "10 s")
    assert np.array_equal(image["5 s"].values, values[..., 2].T)
    again = read(image.save(tmp_path / "again.nii"))
    assert again.channels == image.channels
    assert np.array_equal(again.values, image.values)


def test_nifti_in_micrometers_and_without_a_place(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    picture = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.float32), np.diag([10.0, 10, 20, 1]))
    picture.header.set_xyzt_units("micron")
    nibabel.save(picture, tmp_path / "um.nii")
    assert read(tmp_path / "um.nii").grid.spacing.tolist() == [10.0, 10.0, 20.0]
    picture = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.float32), None)
    picture.header.set_zooms((1.0, 2.0, 3.0))
    nibabel.save(picture, tmp_path / "bare.nii")
    with pytest.raises(DataError, match=r"KG-234: .* does not say where the image lies"):
        read(tmp_path / "bare.nii")
    image = read(tmp_path / "bare.nii", spacing_suffices=True)
    assert image.grid.spacing.tolist() == [1000.0, 2000.0, 3000.0]


def test_nifti_with_shear_or_nan_in_its_place_is_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    shear = np.eye(4)
    shear[0, 1] = 0.4
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 3, 2)), shear), tmp_path / "shear.nii")
    with pytest.raises(DataError, match="KG-230: the axes x and y are not orthogonal"):
        read(tmp_path / "shear.nii")


def test_damaged_nifti_is_named(tmp_path):
    pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    path = phantom().save(tmp_path / "phantom.nii.gz")
    content = path.read_bytes()
    for number, cut in enumerate((10, len(content) // 2, len(content) - 5)):
        short = tmp_path / f"short{number}.nii.gz"
        short.write_bytes(content[:cut])
        with pytest.raises(DataError, match=r"KG-234: .*short"):
            read(short)
    (tmp_path / "text.nii").write_text("no image")
    with pytest.raises(DataError, match="KG-234"):
        read(tmp_path / "text.nii")


# --- OME-TIFF -------------------------------------------------------------------------------------


def test_ome_tiff_keeps_channels_and_pixels(tmp_path):
    pytest.importorskip("tifffile", reason="krogh[imaging] is not installed")
    grid = Grid((3, 4, 5), ("0.5 um", "0.25 um", "4 um"))
    names = ["CD31", "Hoechst", "target", "drug"]
    values = np.random.default_rng(0).integers(0, 60000, (4, *grid.shape)).astype(np.uint16)
    image = Image(values, grid, channels=names)
    found = read(image.save(tmp_path / "cells.ome.tif"))
    assert found.channels == tuple(names)
    assert found.values.dtype == np.uint16
    assert np.array_equal(found.values, values)
    assert np.allclose(found.grid.spacing, [0.5, 0.25, 4.0])
    assert np.array_equal(found["drug"].values, values[3])
    other = read(tmp_path / "cells.ome.tif", channels=["a", "b", "c", "d"])
    assert other.channels == ("a", "b", "c", "d")
    with pytest.raises(DataError, match="has 4 channels and 2 names"):
        read(tmp_path / "cells.ome.tif", channels=["a", "b"])


def test_ome_tiff_of_others(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="krogh[imaging] is not installed")
    values = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(3, 2, 4, 5)
    metadata = {
        "axes": "ZCYX",
        "PhysicalSizeX": 500.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": ["CD31", "drug"]},
    }
    tifffile.imwrite(tmp_path / "other.ome.tif", values, ome=True, metadata=metadata)
    with pytest.raises(DataError, match=r"KG-236: .* does not state how thick its sections are"):
        read(tmp_path / "other.ome.tif")
    image = read(tmp_path / "other.ome.tif", thickness="8 um")
    assert np.allclose(image.grid.spacing, [0.5, 0.5, 8.0])
    assert image.channels == ("CD31", "drug")
    assert np.array_equal(image["drug"].values, values[:, 1])


def test_plain_tiff_needs_its_spacing(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="krogh[imaging] is not installed")
    section = np.arange(20, dtype=np.float32).reshape(4, 5)
    tifffile.imwrite(tmp_path / "section.tif", section)
    with pytest.raises(DataError, match=r"KG-236: 'section.tif' does not state the size"):
        read(tmp_path / "section.tif")
    image = read(tmp_path / "section.tif", spacing=("1 um", "1 um", "5 um"))
    assert np.array_equal(image.values[0], section)
    tifffile.imwrite(tmp_path / "color.tif", np.zeros((4, 5, 3), np.uint8), photometric="rgb")
    image = read(tmp_path / "color.tif", spacing=("1 um", "1 um", "5 um"))
    assert image.channels == ("red", "green", "blue")
    (tmp_path / "text.tif").write_text("no image")
    with pytest.raises(DataError, match="KG-234"):
        read(tmp_path / "text.tif")
    times = np.zeros((3, 2, 4, 5), np.uint8)
    tifffile.imwrite(tmp_path / "t.ome.tif", times, ome=True, metadata={"axes": "TZYX"})
    with pytest.raises(DataError, match="3 entries along 'T'"):
        read(tmp_path / "t.ome.tif", spacing="1 um")


def test_ome_tiff_refuses_what_it_cannot_say(tmp_path):
    pytest.importorskip("tifffile", reason="krogh[imaging] is not installed")
    with pytest.raises(SpecError, match="KG-112: an OME-TIFF says how large pixels are"):
        phantom().save(tmp_path / "turned.ome.tif")
    assert not list(tmp_path.iterdir())


# --- VTK and HDF5 ---------------------------------------------------------------------------------


def test_vti_keeps_everything(tmp_path):
    one = fields().at("6 h")
    path = one.save(tmp_path / "maps.vti")
    same(read(path), one)
    with pytest.raises(SpecError, match=r"KG-112: a .vti file holds one time"):
        fields().save(tmp_path / "all.vti")
    same(read(fields().save(tmp_path / "last.vti", time="24 h")), fields().at("24 h"))


def test_vti_places_voxels_where_vtk_does(tmp_path):
    from xml.etree import ElementTree

    content = fields().at().save(tmp_path / "maps.vti").read_bytes()
    head = content[: content.index(b"<AppendedData")].decode() + "</VTKFile>"
    image = ElementTree.fromstring(head).find("ImageData")
    origin, spacing, direction = (
        np.array(image.attrib[n].split(), dtype=float) for n in ("Origin", "Spacing", "Direction")
    )
    # The center of a cell lies half a step from the corner that VTK counts from.
    cell = np.array([4, 3, 2]) + 0.5
    place = origin + direction.reshape(3, 3) @ (spacing * cell)
    assert np.allclose(place, GRID.position([2, 3, 4]) / 1000.0)


def test_vtkhdf_keeps_everything(tmp_path):
    pytest.importorskip("h5py", reason="krogh[std] is not installed")
    path = fields().save(tmp_path / "maps.vtkhdf")
    found = read(path)
    same(
        found,
        Fields(
            GRID,
            ([0.0, 6.0, 24.0], "h"),
            {n: (np.asarray(a.values) + 0, a.unit) for n, a in fields().items()},
            descriptions=fields().descriptions,
            facts=fields().facts,
        ),
    )
    assert np.array_equal(found.grid.affine, GRID.affine)


def test_vtkhdf_has_the_layout_of_vtk(tmp_path):
    h5py = pytest.importorskip("h5py", reason="krogh[std] is not installed")
    path = fields().save(tmp_path / "maps.vtkhdf")
    with h5py.File(path, "r") as file:
        group = file["VTKHDF"]
        assert group.attrs["Type"] == b"ImageData"
        assert group.attrs["Version"].tolist() == [2, 2]
        assert group.attrs["WholeExtent"].tolist() == [0, 5, 0, 4, 0, 3]
        assert np.allclose(group.attrs["Origin"], GRID.corner / 1000.0)
        assert group["Steps"].attrs["NSteps"] == 3
        assert group["Steps/Values"][()].tolist() == [0.0, 6.0, 24.0]
        assert group["Steps/CellDataOffsets/occupancy"][()].tolist() == [0, 1, 2]
        assert group["CellData/occupancy"].shape == (3, 3, 4, 5)
        assert group["CellData/occupancy"].attrs["long_name"] == "occupancy -- mean over cells"


def test_vtkhdf_opens_in_xarray_with_named_coordinates(tmp_path):
    xarray = pytest.importorskip("xarray", reason="krogh[std] is not installed")
    pytest.importorskip("h5netcdf", reason="krogh[std] is not installed")
    path = fields().save(tmp_path / "maps.vtkhdf")
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        array = tree["VTKHDF/CellData/occupancy"]
        assert array.dims == ("time", "z", "y", "x")
        assert array.time.values.tolist() == [0.0, 6.0, 24.0]
        assert array.x.attrs["units"] == "mm"
        assert np.allclose(array.x, GRID.centers("x") / 1000.0)
        assert np.array_equal(array.values, fields()["occupancy"].values)
        assert tree["VTKHDF/CellData/free & bound <x>"].attrs["units"] == "nM"


def test_krogh_open_reads_images_and_fields(tmp_path):
    path = fields().at().save(tmp_path / "maps.vti")
    same(krogh.open(path), fields().at())
    pytest.importorskip("h5py", reason="krogh[std] is not installed")
    path = fields().save(tmp_path / "maps.vtkhdf")
    assert list(krogh.open(path)) == list(fields())
    path = fields().save(tmp_path / "maps.h5")
    assert list(krogh.open(path)) == list(fields())


@pytest.mark.parametrize("suffix", [".vti", ".vtkhdf"])
def test_damaged_fields_are_named(tmp_path, suffix):
    if suffix == ".vtkhdf":
        pytest.importorskip("h5py", reason="krogh[std] is not installed")
    path = fields().at().save(tmp_path / f"maps{suffix}")
    content = path.read_bytes()
    for number, cut in enumerate((4, 200, len(content) // 2, len(content) - 1)):
        short = tmp_path / f"short{number}{suffix}"
        short.write_bytes(content[:cut])
        with pytest.raises(DataError, match=r"KG-234: .*short"):
            read(short)


def test_unknown_files_and_options(tmp_path):
    with pytest.raises(DataError, match="KG-234: there is no file"):
        read(tmp_path / "nothing.nii")
    (tmp_path / "image.xyz").write_text("")
    with pytest.raises(DataError, match=r"KG-234: 'image.xyz' has no suffix that krogh reads"):
        read(tmp_path / "image.xyz")
    with pytest.raises(SpecError, match=r"KG-112: 'image.xyz' has no suffix that krogh writes"):
        phantom().save(tmp_path / "image.xyz")
    path = fields().at().save(tmp_path / "maps.vti")
    with pytest.raises(SpecError, match=r"KG-103: a file .vti is read without an option 'unit'"):
        read(path, unit="nM")
    other = tmp_path / "other.vti"
    other.write_text('<VTKFile type="ImageData"></VTKFile>')
    with pytest.raises(DataError, match="was not written by krogh"):
        read(other)


def test_packages_that_are_missing_are_named(tmp_path, monkeypatch):
    path = tmp_path / "a.nii"
    path.write_bytes(b"")
    for name, suffix in (("nibabel", ".nii"), ("tifffile", ".tif"), ("pydicom", ".dcm")):
        monkeypatch.setitem(sys.modules, name, None)
        (tmp_path / f"a{suffix}").write_bytes(b"")
        with pytest.raises(MissingExtra, match=rf'{name} - run: pip install "krogh\[imaging\]"'):
            read(tmp_path / f"a{suffix}")


# --- disks, folders, signals ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".vti", ".vtkhdf", ".nii.gz", ".ome.tif"])
def test_places_that_cannot_be_written_are_named(tmp_path, suffix):
    needed = {".vtkhdf": "h5py", ".nii.gz": "nibabel", ".ome.tif": "tifffile"}.get(suffix)
    if needed:
        pytest.importorskip(needed, reason="the package is not installed")
    image = phantom(Grid((3, 4, 5), "1 um"))
    with pytest.raises(SpecError, match=r"KG-133: .*nowhere.*the folder does not exist"):
        image.save(tmp_path / "nowhere" / f"a{suffix}")
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match=r"KG-133: .*is a file, not a folder"):
        image.save(tmp_path / "file" / f"a{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(SpecError, match=r"KG-133: .*there is a folder of that name"):
        image.save(tmp_path / f"folder{suffix}")
    if os.path.exists("/dev/full"):
        link = tmp_path / f"full{suffix}"
        link.symlink_to("/dev/full")
        with pytest.raises(SpecError, match=r"KG-133: .*it is a device or a pipe"):
            image.save(link)
    assert image.values[0, 0, 0] == 99.0


def test_folders_without_permission_are_named(tmp_path):
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(SpecError, match=r"KG-133: .*closed.*you may not write there"):
        phantom().save(folder / "a.vti")
    folder.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="limits as of POSIX")
@pytest.mark.parametrize("suffix", [".vti", ".vtkhdf", ".nii", ".ome.tif"])
def test_a_full_disk_names_the_path_and_keeps_the_older_file(tmp_path, suffix):
    needed = {".vtkhdf": "h5py", ".nii": "nibabel", ".ome.tif": "tifffile"}.get(suffix)
    if needed:
        pytest.importorskip(needed, reason="the package is not installed")
    script = textwrap.dedent(
        f"""
        import resource, signal, sys
        import numpy as np
        from krogh.errors import SpecError
        from krogh.io import Image, read
        from krogh.space import Grid
        path = {str(tmp_path / f"maps{suffix}")!r}
        grid = Grid((40, 50, 60), "1 um")
        small = Image(np.zeros((2, 3, 4)), Grid((2, 3, 4), "1 um"), "nM", name="a")
        small.save(path)
        values = np.random.default_rng(0).random(grid.shape)
        image = Image(values, grid, "nM", name="a")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        try:
            image.save(path)
        except SpecError as error:
            print(error)
        else:
            sys.exit("nothing was raised")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        def values_of(found):
            return found.values if isinstance(found, Image) else found["a"].values[0]
        assert values_of(read(path)).shape == (2, 3, 4)
        assert np.array_equal(image.values, values)
        image.save(path)
        assert np.array_equal(values_of(read(path)), values)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"KG-133: {str(tmp_path / f'maps{suffix}')!r} cannot be written" in done.stdout
    assert "larger than the limit here" in done.stdout, done.stdout
    assert [p.name for p in tmp_path.iterdir()] == [f"maps{suffix}"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals as of POSIX")
def test_kill_leaves_whole_files_only(tmp_path):
    pytest.importorskip("h5py", reason="krogh[std] is not installed")
    script = textwrap.dedent(
        f"""
        import numpy as np
        from krogh.io import Fields
        from krogh.space import Grid
        grid = Grid((30, 40, 50), "1 um")
        base = np.random.default_rng(0).random(grid.shape)
        print("ready", flush=True)
        for k in range(10_000):
            fields = Fields(grid, ([float(k)], "s"), {{"a": (base + k, "nM")}})
            fields.save({str(tmp_path / "maps.vti")!r})
            fields.save({str(tmp_path / "maps.vtkhdf")!r})
        """
    )
    base = np.random.default_rng(0).random((30, 40, 50))
    seen = 0
    for pause in np.random.default_rng(1).uniform(0.0, 0.2, 8):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(pause)
        process.kill()
        process.wait()
        process.stdout.close()
        for path in (tmp_path / "maps.vti", tmp_path / "maps.vtkhdf"):
            if path.exists():
                found = read(path)
                assert np.array_equal(found["a"].values[0], base + found.times[0])
                seen += 1
    assert seen > 4
    names = {Path(p).name for p in tmp_path.iterdir()}
    assert {n for n in names if not n.startswith(".krogh-")} <= {"maps.vti", "maps.vtkhdf"}
