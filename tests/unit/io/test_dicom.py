"""DICOM series: order, scaling by slice, place, units by tag, gaps and doubles.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from krogh.errors import DataError
from krogh.io import read, read_dicom

pydicom = pytest.importorskip("pydicom", reason="krogh[imaging] is not installed")

ROW = np.array([0.8, 0.6, 0.0])
COLUMN = np.array([0.0, 0.0, -1.0])
NORMAL = np.cross(ROW, COLUMN)
START = np.array([-10.0, 20.0, 30.0])
STEP = 3.0


def slice_of(stored: np.ndarray, position: np.ndarray, **tags: Any) -> Any:
    """Return one slice of a PET series, as a scanner writes it."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    found.SOPClassUID = meta.MediaStorageSOPClassUID
    found.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    values = {
        "Modality": "PT",
        "Units": "BQML",
        "DecayCorrection": "START",
        "SeriesDescription": "89Zr",
        "SeriesInstanceUID": "1.2.3.1",
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "PixelSpacing": [2.0, 1.5],  # between rows, between columns
        "ImageOrientationPatient": [*ROW.tolist(), *COLUMN.tolist()],
        "ImagePositionPatient": [f"{p:.6f}" for p in position],
        "RescaleSlope": 1.0,
        "RescaleIntercept": 0.0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        **tags,
    }
    for name, value in values.items():
        if value is not None:
            setattr(found, name, value)
    found.PixelData = stored.astype("<u2").tobytes()
    return found


STORED = np.arange(4 * 3 * 5, dtype=np.uint16).reshape(4, 3, 5)
STORED[0, 0, 0] = 777


def write(folder: Path, number: int, name: str | None = None, **tags: Any) -> None:
    position = tags.pop("position", START + number * STEP * NORMAL)
    slope = tags.pop("RescaleSlope", 0.5 + number)
    one = slice_of(STORED[number % 4], position, RescaleSlope=slope, **tags)
    # Names and times of writing say nothing about where a slice lies.
    one.save_as(folder / (name or f"{(7 * number) % 11:02d}.dcm"), enforce_file_format=True)


@pytest.fixture
def series(tmp_path):
    for number in range(4):
        write(tmp_path, number)
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_slices_lie_where_their_headers_say(series):
    image = read(series)
    expected = STORED * (0.5 + np.arange(4))[:, None, None]
    assert np.array_equal(image.values, expected)
    assert image.unit == "Bq/mL"
    assert image.name == "89Zr"
    assert image.notes["DecayCorrection"] == "START"
    assert np.allclose(image.grid.spacing, [1500.0, 2000.0, 3000.0])
    for z, y, x in ((0, 0, 0), (3, 2, 4), (1, 2, 3)):
        patient = START + x * 1.5 * ROW + y * 2.0 * COLUMN + z * STEP * NORMAL
        expected_place = patient * [-1.0, -1.0, 1.0]  # from left and back to right and front
        assert np.allclose(image.grid.position([z, y, x]) / 1000.0, expected_place, atol=1e-5)
    assert not image.grid.is_left_handed  # two axes are turned round


def test_the_way_to_nifti_keeps_the_place(series, tmp_path):
    pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    image = read(series)
    found = read(image.save(tmp_path / "pet.nii.gz"))
    image.grid.same_as(found.grid)
    assert np.array_equal(found.values, image.values)
    assert found.unit == "Bq/mL"


def test_a_list_of_files_and_one_slice(series):
    image = read_dicom(sorted(series.glob("*.dcm")))
    assert image.values.shape == (4, 3, 5)
    write(series, 0, "one.dcm", SliceThickness=4.0, SeriesInstanceUID="9.9")
    one = read(series / "one.dcm")
    assert one.grid.spacing[2] == 4000.0
    write(series, 0, "bare.dcm", SeriesInstanceUID="9.8")
    with pytest.raises(DataError, match=r"KG-235: one slice only, 'bare.dcm', and no Slice"):
        read(series / "bare.dcm")


def test_gaps_and_doubles_are_named(series):
    (series / "07.dcm").unlink()  # the second of four
    with pytest.raises(DataError, match=r"KG-235: 1 missing between '00.dcm' and '03.dcm'"):
        read(series)
    write(series, 1)
    for number in (5, 6, 7):
        write(series, number)
    with pytest.raises(DataError, match=r"KG-235: 1 missing between '10.dcm' and '02.dcm'"):
        read(series)
    write(series, 4)
    assert read(series).values.shape[0] == 8
    write(series, 3, "copy.dcm")
    with pytest.raises(DataError, match=r"two slices lie at one place .*'10.dcm' and 'copy.dcm'"):
        read(series)


def test_uneven_and_tilted_series_are_refused(series):
    write(series, 4, position=START + 4.4 * STEP * NORMAL)
    with pytest.raises(DataError, match="KG-235: uneven spacing between"):
        read(series)
    for number in range(5):
        position = START + number * (STEP * NORMAL + 0.5 * ROW)
        write(series, number, position=position)
    with pytest.raises(DataError, match="shifted against each other by up to 2 mm"):
        read(series)


def test_slices_that_do_not_fit_are_named(series):
    write(series, 4, PixelSpacing=[2.0, 1.6])
    with pytest.raises(DataError, match=r"KG-235: .*PixelSpacing is .*1\.6"):
        read(series)
    write(series, 4, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    with pytest.raises(DataError, match="ImageOrientationPatient is"):
        read(series)
    write(series, 4, ImageOrientationPatient=None)
    with pytest.raises(DataError, match="has no ImageOrientationPatient"):
        read(series)


def test_several_series_must_be_chosen(series):
    write(series, 0, "scout.dcm", SeriesInstanceUID="1.2.3.2", Modality="CT", SliceThickness=2.0)
    with pytest.raises(DataError, match=r"(?s)KG-235: there are 2 series.*1.2.3.2: 1 slices, CT"):
        read(series)
    assert read(series, series="1.2.3.1").values.shape == (4, 3, 5)
    assert read(series, series="3.2").values.shape == (1, 3, 5)
    with pytest.raises(DataError, match="there are no series with the number '5'"):
        read(series, series="5")


@pytest.mark.parametrize("units", ["CNTS", "GML", None])
def test_pet_in_other_units_names_the_tag(tmp_path, units):
    for number in range(3):
        write(tmp_path, number, Units=units)
    said = units or "nothing"
    with pytest.raises(DataError, match=rf"KG-236: .*\(0054,1001\) Units says '{said}'"):
        read(tmp_path)


def test_pet_without_a_scale_and_ct(tmp_path):
    for number in range(3):
        write(tmp_path, number, RescaleSlope=None)
    with pytest.raises(DataError, match=r"KG-236: .*\(0028,1053\) RescaleSlope"):
        read(tmp_path)
    for number in range(3):
        write(tmp_path, number, Modality="CT", Units=None, RescaleSlope=1.0, RescaleIntercept=-1024)
    image = read(tmp_path)
    assert image.unit == ""
    assert image.values[0, 0, 1] == 1 - 1024


def test_folders_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match="KG-234: none of the 1 files"):
        read(tmp_path)
