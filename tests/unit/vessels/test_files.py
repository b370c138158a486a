"""Files of vessels: round trips, samples of every format, and errors that name file and line.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest
from krogh.errors import DataError, SpecError, UnitError
from krogh.vessels import Boundary, VesselNetwork, read, read_csv, write

SECOMB = """A small tree
  100.  200.  300.	box dimensions in microns
  20  20  10	number of tissue points
  200.	outer bound distance
  25.	max. segment length
  4	nodsegm
  3	total number of segments
 name  type   from   to   diam. flow  hem.
1	5	10	20	15.5	10	0.4	*
2	4	20	30	13.5	-6	0.35	*
7	5	20	40	11.5	4	0.45	*
 4	total number of nodes
 name    x       y      z
10	0	0	0	*
20	0	0	50	*
30	40	0	80	*
40	-40	0	80	*
 3	total number of boundary nodes
 node bctyp press/flow   HD    PO2 Sol2
10	2	10	0.4	50	1.5
30	0	20	0.4	40	2.5
40	2	-4	0.4	30	3.5
"""

DGF = """DGF
% a comment
VERTEX
firstindex 1
0 0 0
1e-4 0 0
1e-4 1e-4 0
#
SIMPLEX
parameters 2
1 2 5e-6 0
2 3 4e-6 1
#
BOUNDARYDOMAIN
default 1
#
"""

SWC = """# id type x y z radius parent
1 3 0 0 0 5 -1
2 3 100 0 0 4 1
3 4 100 50 0 3 2
4 4 100 -50 0 2 2
"""


def full() -> VesselNetwork:
    random = np.random.default_rng(0)
    return VesselNetwork(
        random.random((5, 3)) * 100,
        [[0, 1], [1, 2], [1, 3], [3, 4]],
        random.uniform(4, 20, 4),
        flow=random.normal(size=4),
        hematocrit=random.uniform(0.2, 0.5, 4),
        pressure=random.uniform(5, 40, 5),
        kind=[1, 2, 2, 3],
        boundary=Boundary.of({0: 31.7}, {2: -1.25}, hematocrit={0: 0.4}),
        names={"nodes": ("a", "b", "c", "d", "e"), "segments": ("s1", "s2", "s3", "s4")},
    )


def same(one: VesselNetwork, two: VesselNetwork) -> None:
    for name in ("nodes", "segments", "diameter", "flow", "hematocrit", "pressure", "kind"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_secomb_file(tmp_path: Path) -> None:
    network = read(put(tmp_path, "small.network.dat", SECOMB), connected=True)
    assert network.note == "A small tree"
    assert network.box is not None
    assert network.box[1].tolist() == [100.0, 200.0, 300.0]
    assert network.segments.tolist() == [[0, 1], [1, 2], [1, 3]]
    assert network.flow is not None
    assert network.flow.tolist() == [10.0, -6.0, 4.0]
    assert network.hematocrit is not None
    assert network.hematocrit.tolist() == [0.4, 0.35, 0.45]
    assert network.kind is not None
    assert network.kind.tolist() == [5, 4, 5]
    assert network.names["segments"] == ("1", "2", "7")
    boundary = network.boundary
    assert boundary is not None
    assert boundary.is_pressure.tolist() == [False, True, False]
    assert boundary.values.tolist() == [10.0, 20.0, -4.0]
    assert boundary.others["PO2"].tolist() == [50.0, 40.0, 30.0]
    assert boundary.others["Sol2"].tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("15.5", "wide", r"KG-186.*line 9: the diameter is 'wide'"),
        ("15.5", "0", r"KG-181.*small.dat: the diameter.*called '1'"),
        ("7	5	20	40", "7	5	20	99", r"KG-186.*line 11: there is no node 99"),
        ("20	0	0	50", "10	0	0	50", r"KG-186.*line 15: node 10 stands twice"),
        ("2	4	20	30", "2	4	20	20", r"KG-182.*small.dat.*called '2'"),
        ("30	0	20", "30	8	20", r"KG-186.*line 21: a boundary node of kind 8"),
        (
            "40	2	-4	0.4	30	3.5\n",
            "",
            r"KG-186.*the file ends before boundary node 3",
        ),
        ("  100.  200.", "  100.  much", r"KG-186.*line 2: the box along y"),
        ("  3	total", "  x	total", r"KG-186.*line 7: the number of segments"),
    ],
)
def test_secomb_file_errors_say_where(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in SECOMB
    with pytest.raises(DataError, match=says):
        read(put(tmp_path, "small.dat", SECOMB.replace(old, new)))


def test_dgf_file(tmp_path: Path) -> None:
    path = put(tmp_path, "net.dgf", DGF)
    network = read(path, unit="m", parameter=0)
    np.testing.assert_allclose(network.nodes, [[0, 0, 0], [100, 0, 0], [100, 100, 0]])
    np.testing.assert_allclose(network.diameter, [10.0, 8.0])
    assert read(path, unit="m", parameter=0, is_radius=False).diameter[0] == pytest.approx(5.0)
    with pytest.raises(UnitError, match="KG-126"):
        read(path, parameter=0)
    with pytest.raises(UnitError, match="KG-121"):
        read(path, unit="s", parameter=0)
    with pytest.raises(DataError, match=r"KG-185.*2 parameters"):
        read(path, unit="m")
    with pytest.raises(DataError, match=r"KG-186.*no parameters"):
        read(put(tmp_path, "bare.dgf", DGF.replace("parameters 2", "")), unit="m")
    with pytest.raises(DataError, match=r"KG-186.*line 1"):
        read(put(tmp_path, "no.dgf", "VERTEX\n"), unit="m")
    with pytest.raises(DataError, match=r"KG-186.*line 12.*radius"):
        read(put(tmp_path, "x.dgf", DGF.replace("2 3 4e-6 1", "2 3 x 1")), unit="m", parameter=0)


def test_swc_file(tmp_path: Path) -> None:
    network = read(put(tmp_path, "tree.swc", SWC))
    assert network.segments.tolist() == [[0, 1], [1, 2], [1, 3]]
    assert network.diameter.tolist() == [9.0, 7.0, 6.0]
    assert network.kind is not None
    assert network.kind.tolist() == [3, 4, 4]
    with pytest.raises(DataError, match=r"KG-186.*line 4: node 3 has the parent 9"):
        read(put(tmp_path, "bad.swc", SWC.replace("50 0 3 2", "50 0 3 9")))
    with pytest.raises(DataError, match=r"KG-186.*line 5: the parent is missing"):
        read(put(tmp_path, "short.swc", SWC.replace("-50 0 2 2", "-50 0 2")))
    with pytest.raises(DataError, match=r"KG-186.*no node"):
        read(put(tmp_path, "empty.swc", "# nothing\n"))


@pytest.mark.parametrize("encoding", ["ascii", "base64"])
def test_vtp_round_trip_keeps_every_bit(tmp_path: Path, encoding: str) -> None:
    network = full()
    same(network, read(write(network, tmp_path / "net.vtp", encoding=encoding)))
    bare = VesselNetwork(network.nodes, network.segments, network.diameter)
    found = read(write(bare, tmp_path / "bare.vtp", encoding=encoding))
    same(bare, found)
    assert found.flow is None


def test_csv_round_trip_keeps_every_bit_names_and_conditions(tmp_path: Path) -> None:
    network = full()
    for target in (tmp_path, tmp_path / "net_segments.csv"):
        found = read(write(network, target))
        same(network, found)
        assert found.names == network.names
        assert found.boundary is not None
        assert network.boundary is not None
        order = np.argsort(network.boundary.nodes)
        for name in ("nodes", "is_pressure", "values", "hematocrit"):
            np.testing.assert_array_equal(
                getattr(found.boundary, name), getattr(network.boundary, name)[order]
            )
    bare = VesselNetwork(network.nodes, network.segments, network.diameter)
    assert read(write(bare, tmp_path)).boundary is None


def csv_pair(folder: Path, nodes: str, segments: str) -> tuple[Path, Path]:
    return put(folder, "n.csv", nodes), put(folder, "s.csv", segments)


def test_csv_converts_units(tmp_path: Path) -> None:
    nodes = "node,x [mm],y [mm],z [mm]\na,0,0,0\nb,0.1,0,0\n"
    network = read_csv(*csv_pair(tmp_path, nodes, "from,to,radius [um]\na,b,4\n"))
    np.testing.assert_allclose(network.lengths, [100.0])
    assert network.diameter.tolist() == [8.0]


@pytest.mark.parametrize(
    ("nodes", "segments", "says"),
    [
        ("node,x,y [um],z [um]\na,0,0,0\nb,1,0,0\n", "", r"KG-126.*'x \[um\]'"),
        ("node,x [um],y [um]\na,0,0\n", "", r"KG-186.*'z' is missing"),
        ("node,x [um],y [um],q [um]\na,0,0,0\n", "", r"KG-186.*'q \[um\]' is not known"),
        ("node,x [um],y [um],z [um]\na,0,0,0\na,1,0,0\n", "", r"KG-186.*line 3.*twice"),
        ("node,x [um],y [um],z [um]\na,0,zero,0\n", "", r"KG-186.*line 2: y is 'zero'"),
        ("node,x [um],y [um],z [um]\na,0,nan,0\n", "", r"KG-181.*line 2: y is nan"),
        ("node,x [um],y [um],z [um]\na,0,0,0\nb,,0,0\n", "a,b,5\n", r"KG-186.*line 3: x is empty"),
        ("node,x [um],y [um],z [um]\na,0,0\n", "", r"KG-186.*line 2: 4 cells"),
        ("", "a,c,5\n", r"KG-186.*s.csv, line 2: there is no node 'c'"),
        ("", "a,b,-5\n", r"KG-181.*s.csv"),
        ("", "a,b,5\nb,a,5\n", r"KG-182.*s.csv"),
        ("node,x [um],y [um],z [um]\n", "", r"KG-186.*a header and at least one row"),
    ],
)
def test_csv_errors_say_where(tmp_path: Path, nodes: str, segments: str, says: str) -> None:
    nodes = nodes or "node,x [um],y [um],z [um]\na,0,0,0\nb,1,0,0\n"
    segments = "from,to,diameter [um]\n" + (segments or "a,b,5\n")
    with pytest.raises((DataError, UnitError), match=says):
        read_csv(*csv_pair(tmp_path, nodes, segments))


VTP = """<?xml version="1.0"?>
<VTKFile type="PolyData" version="0.1" byte_order="LittleEndian"{compressor}>
<PolyData><Piece NumberOfPoints="4" NumberOfVerts="1" NumberOfLines="2">
<PointData><DataArray type="Float32" Name="Radius" format="ascii">5 4 3 2</DataArray></PointData>
<CellData><DataArray type="Float64" Name="flow" {how}</DataArray></CellData>
<Points><DataArray type="Float32" NumberOfComponents="3" format="ascii">
0 0 0  10 0 0  20 0 0  10 10 0</DataArray></Points>
<Verts><DataArray type="Int32" Name="connectivity" format="ascii">0</DataArray>
<DataArray type="Int32" Name="offsets" format="ascii">1</DataArray></Verts>
<Lines><DataArray type="Int32" Name="connectivity" format="ascii">0 1 2 1 3</DataArray>
<DataArray type="Int32" Name="offsets" format="ascii">3 5</DataArray></Lines>
</Piece></PolyData>{appended}</VTKFile>
"""


def encoded(kind: str) -> str:
    values = np.array([9.0, 1.5, -2.5]).astype("<f8").tobytes()  # of the vertex and two lines
    if kind == "ascii":
        return VTP.format(compressor="", how='format="ascii">9 1.5 -2.5', appended="")
    plain = base64.b64encode(np.uint32(len(values)).tobytes() + values).decode()
    if kind == "base64":
        return VTP.format(compressor="", how=f'format="binary">{plain}', appended="")
    packed = zlib.compress(values)
    head = np.array([1, 32768, len(values), len(packed)], dtype="<u4").tobytes()
    pressed = base64.b64encode(head).decode() + base64.b64encode(packed).decode()
    text = f'<AppendedData encoding="base64">\n _{pressed}\n</AppendedData>'
    if kind == "zlib":
        how = f'format="binary">{pressed}'
        return VTP.format(compressor=' compressor="vtkZLibDataCompressor"', how=how, appended="")
    how = 'format="appended" offset="0">'
    return VTP.format(compressor=' compressor="vtkZLibDataCompressor"', how=how, appended=text)


@pytest.mark.parametrize("kind", ["ascii", "base64", "zlib", "appended"])
def test_vtp_encodings_and_polylines(tmp_path: Path, kind: str) -> None:
    network = read(put(tmp_path, "lines.vtp", encoded(kind)), unit="um")
    assert network.segments.tolist() == [[0, 1], [1, 2], [1, 3]]
    assert network.diameter.tolist() == [9.0, 7.0, 6.0]
    assert network.flow is not None
    assert network.flow.tolist() == [1.5, 1.5, -2.5]


def test_vtp_errors(tmp_path: Path) -> None:
    text = encoded("base64")
    with pytest.raises(UnitError, match="KG-126"):
        read(put(tmp_path, "a.vtp", text))
    with pytest.raises(DataError, match=r"KG-186.*no array radius.*flow"):
        read(put(tmp_path, "a.vtp", text.replace("Radius", "width")), unit="um")
    assert read(
        put(tmp_path, "a.vtp", text.replace("Radius", "w")), unit="um", diameter="w"
    ).diameter[0] == pytest.approx(4.5)
    with pytest.raises(DataError, match=r"KG-186.*PolyData"):
        read(put(tmp_path, "a.vtp", text.replace('type="PolyData"', 'type="ImageData"')), unit="um")
    with pytest.raises(DataError, match=r"KG-186.*XML"):
        read(put(tmp_path, "a.vtp", text[:200]), unit="um")
    with pytest.raises(DataError, match=r"KG-186.*flow cannot be decoded"):
        read(
            put(tmp_path, "a.vtp", text.replace('format="binary">', 'format="binary">####')),
            unit="um",
        )
    plain = encoded("ascii")
    own = write(full(), tmp_path / "own.vtp").read_text(encoding="utf-8")
    for wrong, says in (
        (plain.replace("9 1.5 -2.5", "9 1.5"), r"KG-186.*flow in CellData has 2 rows of 3"),
        (plain.replace("9 1.5 -2.5", "9 1.5 x"), r"KG-186.*flow cannot be decoded"),
        (plain.replace("Float64", "Float63"), r"KG-186.*Float63"),
        (plain.replace('Components="3"', 'Components="-3"'), r"KG-186.*NumberOfComponents"),
        (own.replace("117 109 0", "117 x 0"), r"KG-186.*length_unit"),
        (own.replace('header_type="UInt64"', 'header_type="Int64"'), r"KG-186.*'Int64'"),
    ):
        with pytest.raises(DataError, match=says):
            read(put(tmp_path, "wrong.vtp", wrong), unit="um", radius="Radius")
    with pytest.raises(DataError, match=r"KG-186.*uses point 9"):
        read(put(tmp_path, "a.vtp", text.replace("0 1 2 1 3", "0 1 2 1 9")), unit="um")


def test_unknown_files_and_options(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"KG-185.*\.dat"):
        read(tmp_path / "net.obj")
    with pytest.raises(DataError, match=r"KG-186.*there is no file"):
        read(tmp_path / "absent.dat")
    with pytest.raises(DataError, match=r"KG-185.*unit"):
        read(put(tmp_path, "tree.swc", SWC), unit="um")
    with pytest.raises(DataError, match=r"KG-185.*vessels are written"):
        write(full(), tmp_path / "net.obj")
    with pytest.raises(SpecError, match="KG-133"):
        write(full(), tmp_path / "absent" / "net.vtp")
    with pytest.raises(DataError, match=r"KG-185.*encoding"):
        write(full(), tmp_path / "net.vtp", encoding="raw")


def test_disconnected_files_are_errors_where_asked(tmp_path: Path) -> None:
    apart = SWC + "5 3 500 0 0 5 -1\n6 3 520 0 0 5 5\n"
    path = put(tmp_path, "two.swc", apart)
    assert read(path).num_components == 2
    with pytest.raises(DataError, match=r"KG-183.*2 parts"):
        read(path, connected=True)
