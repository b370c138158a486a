"""Puts the demo's real output and pictures into README.md and the guide, or checks what is there.

SPDX-License-Identifier: BSD-3-Clause

    python python/docs/demo_output.py            # writes README.md and python/docs/images
    python python/docs/demo_output.py --check    # exit code 1 if README.md is out of date
    python python/docs/demo_output.py --3d       # the pictures of the part in 3-D as well

Each part of the demo has a block in README.md, from ``<!-- demo: NAME -->`` to ``<!-- end -->``.
Numbers are compared to one unit of their last digit, words exactly: another processor rounds
differently.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
IMAGES = ROOT / "python" / "docs" / "images"
PARTS = ("tdm1", "erlotinib")
WIDTH = 100
PICTURES = (
    "tdm1_gradients.png",
    "tdm1_sections.png",
    "tdm1_decision.png",
    "erlotinib_growth.png",
    "erlotinib_dose.png",
)
PICTURES_3D = ("3d_vessels.png", "3d_slices.png", "3d_distance.png", "3d_coverage.png")
"""The pictures that the README or the guide shows; those in 3-D take the longest."""

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_BLOCK = r"(<!-- demo: {} -->\n```text\n)(.*?)(```\n<!-- end -->)"


def screen_of(part: str, folder: Path) -> str:
    """Run a part of the demo into a folder and return what it prints before the list of files."""
    from krogh.cli.demo import DemoOptions, run_demo
    from rich.console import Console

    text = io.StringIO()
    console = Console(file=text, width=WIDTH, color_system=None, force_terminal=False)
    code = run_demo(DemoOptions(part=part, folder=folder, progress=False), console)
    if code != 0:
        raise SystemExit(code)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join(lines[: lines.index(next(k for k in lines if k.startswith("wrote ")))]) + "\n"


def block_of(text: str, part: str) -> str:
    """Return the block of a part in the text of the README."""
    found = re.search(_BLOCK.format(part), text, re.S)
    if found is None:
        raise SystemExit(f"README.md has no block '<!-- demo: {part} -->'")
    return found.group(2)


def differences(shown: str, computed: str) -> list[str]:
    """Return what differs beyond one unit of the last digit of a number."""
    found = []
    old, new = shown.splitlines(), computed.splitlines()
    if len(old) != len(new):
        found.append(f"{len(old)} lines are shown, {len(new)} computed")
    for k, (one, other) in enumerate(zip(old, new, strict=False), start=1):
        if _words(one) != _words(other):
            found.append(f"line {k}: shown    {one}\n         computed {other}")
            continue
        pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
        if any(abs(float(_plain(a)) - float(_plain(b))) > 1.01 * _unit(a) for a, b in pairs):
            found.append(f"line {k}: shown    {one}\n         computed {other}")
    return found


def _words(line: str) -> list[str]:
    """Return a line without its numbers, blanks and the lines of boxes."""
    return re.sub(r"[\s─━│┃]+", " ", _NUMBER.sub("#", line)).split()


def _plain(number: str) -> str:
    return number.replace(",", "")


def _unit(number: str) -> float:
    """Return one unit of the last digit that is shown."""
    digits, _, exponent = _plain(number).partition("e")
    places = len(digits.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - places)


def main() -> int:
    """Write, or check with ``--check``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if outdated")
    parser.add_argument("--3d", dest="in_3d", action="store_true", help="draw the part in 3-D too")
    options = parser.parse_args()
    check = options.check
    readme = README.read_text(encoding="utf-8")
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            computed = screen_of(part, folder)
            if check:
                wrong += [f"{part}: {d}" for d in differences(block_of(readme, part), computed)]
            else:
                block_of(readme, part)
                readme = re.sub(
                    _BLOCK.format(part),
                    lambda found, text=computed: found.group(1) + text + found.group(3),
                    readme,
                    flags=re.S,
                )
        if not check:
            IMAGES.mkdir(exist_ok=True)
            if options.in_3d:
                screen_of("3d", folder)
            for picture in (*PICTURES, *(PICTURES_3D if options.in_3d else ())):
                shutil.copyfile(folder / picture, IMAGES / picture)
            README.write_text(readme, encoding="utf-8")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
