"""Checkpoint files: what is whole comes back, everything else is refused by name.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import errno
import io
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from krogh.errors import DataError, SpecError
from krogh.volume import checkpoint
from krogh.volume.checkpoint import Snapshot, read_checkpoint, write_checkpoint


def snapshot(size=7, seed=0):
    rng = np.random.default_rng(seed)
    return Snapshot(
        {
            "time": 3600.5,
            "restart": True,
            "next_record": 2,
            "voxels": rng.standard_normal(size),
            "method": np.zeros(0),
        },
        {"values": rng.standard_normal((2, 1, 2, 3, 4)), "contents": np.full((2, 3), np.nan)},
        {"the grid": "abc", "the times": "def"},
        (1, 2**32 - 1),
        {"krogh": "0", "µ": "ü"},
    )


@pytest.fixture
def path(tmp_path):
    return write_checkpoint(tmp_path / "run.checkpoint", snapshot())


def test_what_is_written_comes_back_to_the_last_bit(path):
    given, found = snapshot(), read_checkpoint(path)
    assert found.problem == given.problem
    assert found.saved == given.saved
    assert found.facts == given.facts
    assert found.time == 3600.5
    for (name, one), (other, two) in zip(given.arrays(), found.arrays(), strict=True):
        assert name == other
        assert one.dtype == two.dtype
        assert one.shape == two.shape
        assert one.tobytes() == two.tobytes()
    assert found.state["restart"].item() is True


def refused(path, content, match="KG-237"):
    path.write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)


def refused_bytes(content):
    """As `refused`, without a file."""
    with pytest.raises(checkpoint._Damaged):
        checkpoint._read(io.BytesIO(content), len(content))


def test_every_flipped_bit_is_found(path):
    content = path.read_bytes()
    assert len(content) < 3000
    for at in range(len(content)):
        bit = 1 << (at % 8)
        refused_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
    refused(path, bytes([content[0] ^ 1]) + content[1:])


def test_every_truncation_and_every_addition_is_found(path):
    content = path.read_bytes()
    for length in range(len(content)):
        refused_bytes(content[:length])
    refused(path, content[:-1], "is cut off")
    for more in (b"\0", b"\n", content):
        refused(path, content + more)


def test_blocks_that_were_not_written_are_found(path):
    """A disk that lost power may leave zeros, or parts of an older file, in place of blocks."""
    write_checkpoint(path, snapshot(4000, seed=1))
    new = path.read_bytes()
    old = write_checkpoint(path, snapshot(4000, seed=2)).read_bytes()
    assert len(old) == len(new)
    for first in range(0, len(new), 512):
        refused_bytes(new[:first] + bytes(512) + new[first + 512 :])
        refused_bytes(new[:first] + old[first : first + 512] + new[first + 512 :])


def test_random_damage_is_found(path):
    content = path.read_bytes()
    rng = random.Random(3)
    for _ in range(2000):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 6)):
            kind, at = rng.randrange(4), rng.randrange(len(damaged))
            count = rng.randint(1, 40)
            if kind == 0:
                damaged[at : at + count] = rng.randbytes(len(damaged[at : at + count]))
            elif kind == 1:
                del damaged[at : at + count]
            elif kind == 2:
                damaged[at:at] = rng.randbytes(count)
            else:
                damaged[at : at + count] = damaged[: len(damaged[at : at + count])]
        if bytes(damaged) != content:
            refused_bytes(bytes(damaged))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no checkpoint that krogh wrote"),
        (b"\x89HDF\r\n\x1a\n" + bytes(2000), "no checkpoint that krogh wrote"),
        (b"# a text\n" * 50, "no checkpoint that krogh wrote"),
    ],
)
def test_other_files_are_no_checkpoints(path, content, match):
    refused(path, content, match)


def with_header(content, header, version=1):
    """Return a file with another header and check sums that fit, as another program may write."""
    length = struct.unpack_from("<Q", content, 16)[0]
    first = -(-(24 + length) // 64) * 64
    front = struct.pack("<8sIIQ", content[:8], version, zlib.crc32(header), len(header))
    body = front + header + bytes(-(24 + len(header)) % 64) + content[first:-8]
    return body + struct.pack("<I4s", zlib.crc32(body), content[-4:])


def test_headers_that_make_no_sense_are_refused(path):
    content = path.read_bytes()
    length = struct.unpack_from("<Q", content, 16)[0]
    header = content[24 : 24 + length]
    assert with_header(content, header) == content
    refused(path, with_header(content, header, version=2), "has version 2 of the format")
    for old, new in (
        (b"krogh-checkpoint", b"another-format!!"),
        (b'"<f8"', b'"|O"'),
        (b'"<f8"', b'"<U1"'),
        (b"[7]", b"[8]"),
        (b"[7]", b"[-7]"),
        (b"[7]", b"[9223372036854775807, 7]"),
        (b"[7]", b'["7"]'),
        (b"state/voxels", b"state"),
        (b"state/voxels", b"other/voxels"),
        (b'"problem"', b'"problems"'),
        (header, b"{"),
        (header, b"[]"),
        (header, b"\xff\xfe"),
        (header, b"[" * 100_000),
    ):
        assert old in header
        refused(path, with_header(content, header.replace(old, new, 1)))


def test_a_checkpoint_that_is_not_there_or_no_file(tmp_path):
    with pytest.raises(DataError, match="KG-237: there is no checkpoint"):
        read_checkpoint(tmp_path / "none")
    with pytest.raises(DataError, match=r"KG-237.*cannot be read"):
        read_checkpoint(tmp_path)


# --- disks that refuse ----------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["no/folder/x", "file/x", "/proc/x", "/dev/full", "folder"])
def test_places_that_cannot_be_written_are_named(tmp_path, where):
    if where.startswith("/") and not Path(where).parent.exists():
        pytest.skip("only Linux has it")
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    path = Path(where) if where.startswith("/") else tmp_path / where
    with pytest.raises(SpecError, match="KG-133") as caught:
        write_checkpoint(path, snapshot())
    assert str(path) in str(caught.value)


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_checkpoint_files import snapshot
from krogh.errors import SpecError
from krogh.volume.checkpoint import read_checkpoint, write_checkpoint
path = Path({path!r})
write_checkpoint(path, snapshot())
before = path.read_bytes()
for limit in [0, 1, 100, 1000, 5000, 50_000, 80_000]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_checkpoint(path, snapshot(10_000))
    except SpecError as error:
        assert error.code == "KG-133" and str(path) in str(error), error
        assert "larger than the limit" in str(error), error
    else:
        raise SystemExit(f"written beyond {{limit}} bytes")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    read_checkpoint(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert read_checkpoint(write_checkpoint(path, snapshot(10_000))).state["voxels"].size == 10_000
print("done")
"""


def child(code, **options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment, **options
    )


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path):
    pytest.importorskip("resource")
    code = LIMITED.format(here=str(Path(__file__).parent), path=str(tmp_path / "run.checkpoint"))
    process = child(code)
    assert process.communicate(timeout=60)[0] == "done\n"
    assert process.returncode == 0


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_an_error_of_the_disk_keeps_the_last_good_checkpoint(path, monkeypatch, call):
    before = path.read_bytes()

    def fails(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    if call == "write":
        real = Path.open

        class Broken(io.RawIOBase):
            def writable(self):
                return True

            write = fails

        def opened(self, mode="r", *rest, **options):
            return Broken() if "w" in mode else real(self, mode, *rest, **options)

        monkeypatch.setattr(Path, "open", opened)
    else:
        monkeypatch.setattr(os, call, fails)
    with pytest.raises(SpecError, match=r"KG-133.*the disk reports an error"):
        write_checkpoint(path, snapshot(1000))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


# --- processes that are killed --------------------------------------------------------------------

KILLED = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import numpy as np
from test_checkpoint_files import snapshot
from krogh.errors import DataError
from krogh.volume.checkpoint import read_checkpoint, write_checkpoint

path = Path({path!r})
base = snapshot(300_000)
rng = random.Random(7)
newest, written, torn, kills = 0, 0, 0, 0


def whole(path):
    found = read_checkpoint(path)
    number = int(found.state["next_record"])
    assert np.all(found.state["voxels"] == number), number
    return number


# How many strike within a write depends on the disk: at least 200, and more until three have.
while kills < 200 or (torn < 3 and kills < 2_000):
    kills += 1
    near, far = os.pipe()
    pid = os.fork()
    if pid == 0:
        number = newest
        while True:
            number += 1
            base.state["next_record"] = number
            base.state["voxels"][:] = number
            write_checkpoint(path, base)
            os.write(far, number.to_bytes(8, "little"))
    time.sleep(rng.uniform(0.005, 0.05))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(far)
    with os.fdopen(near, "rb") as told:
        numbers = told.read()
    complete = int.from_bytes(numbers[-8:], "little") if numbers else newest
    if path.exists():
        # Its name may have been given in the moment before it could be told.
        found = whole(path)
        assert found in (complete, complete + 1), (found, complete)
    else:
        found = 0
        assert complete == 0
    for other in path.parent.glob(".krogh-*"):
        try:
            whole(other)  # it was whole and had no name yet
        except DataError:
            torn += 1
        other.unlink()
    written += found - newest
    newest = found
print(written, torn)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_200_kills_while_checkpoints_are_written(tmp_path):
    """After each of them the newest complete checkpoint loads; what was torn is refused."""
    code = KILLED.format(here=str(Path(__file__).parent), path=str(tmp_path / "run.checkpoint"))
    process = child(code)
    written, torn = map(int, process.communicate(timeout=120)[0].split())
    assert process.returncode == 0
    assert written >= 100  # checkpoints came into being between the kills
    assert torn >= 3  # and some of the kills came while one was being written


def test_the_fuzz_target_finds_nothing_in_a_short_loop(source_tree):
    path = source_tree / "tests" / "fuzz" / "fuzz_checkpoint.py"
    command = [sys.executable, str(path), "--random", "--runs", "1500", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1500 random executions")
