"""What must be true of every file of the source tree.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

SUFFIXES = {".py", ".cpp", ".hpp", ".in", ".cmake", ".md", ".toml", ".cff", ".csv", ".json"}
SUFFIXES |= {".yaml", ".yml", ".txt", ".pyi", ""}
BUILT = {".git", "build", "dist", ".venv", "__pycache__", ".hypothesis"}
BUILT |= {".mypy_cache", ".ruff_cache", ".pytest_cache", "out"}

# Written in pieces, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(
    r"/(?:wor" + r"k|far" + r"m|roo" + r"t|hom" + r"e/[a-z]|tm" + r"p/[a-z])/"
)
HOSTS = re.compile(
    r"pypi\.or" + r"g|files\.pythonhosted|deb\.debian|security\.debian|conda\.anaconda|index-url"
    r"|extra-index|npmjs|crates\.io"
)


@pytest.fixture(scope="module")
def sources(source_tree: Path) -> list[Path]:
    """Return the files of the tree: those git knows or would add, or all in a source archive."""
    if (source_tree / ".git").exists():
        listing = subprocess.run(
            ["git", "-c", f"safe.directory={source_tree}", "ls-files", "-co", "--exclude-standard"],
            cwd=source_tree,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        files = [source_tree / line for line in listing.splitlines()]
    else:
        files = list(source_tree.rglob("*"))
    own = [
        file
        for file in files
        if file.is_file()
        and file.suffix in SUFFIXES
        and not BUILT & set(file.relative_to(source_tree).parts)
        and "third_party" not in file.relative_to(source_tree).parts[:1]
    ]
    assert len(own) > 100
    return own


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_no_path_of_a_machine_and_no_registry_host(sources: list[Path]) -> None:
    found = [
        f"{file}: {match.group()}"
        for file in sources
        for pattern in (MACHINE_PATHS, HOSTS)
        for match in pattern.finditer(text_of(file))
        if file != Path(__file__).resolve()  # it holds the patterns themselves
    ]
    assert not found


def test_every_source_says_what_it_is_and_its_licence(sources: list[Path]) -> None:
    bare: list[str] = []
    for file in sources:
        if file.suffix not in {".py", ".cpp", ".hpp", ".cmake"}:
            continue
        head = text_of(file)[:600]
        opening = head.startswith(('"""', "# ", "// ", "#!"))
        if not (opening and "SPDX-License-Identifier: BSD-3-Clause" in head):
            bare.append(str(file))
    assert not bare


def test_files_end_with_one_newline_and_hold_no_trailing_blanks(sources: list[Path]) -> None:
    wrong: list[str] = []
    for file in sources:
        content = text_of(file)
        if content and (not content.endswith("\n") or content.endswith("\n\n")):
            wrong.append(f"{file}: end of file")
        if re.search(r"[ \t]+$", content, re.MULTILINE):
            wrong.append(f"{file}: trailing blanks")
    assert not wrong


def test_headers_hold_no_pragma_but_once(source_tree: Path) -> None:
    for header in (source_tree / "cpp" / "include").rglob("*.hpp"):
        pragmas = re.findall(r"^\s*#\s*pragma\s+(\w+)", text_of(header), re.MULTILINE)
        assert pragmas == ["once"], header


def test_public_headers_need_nothing_private(source_tree: Path) -> None:
    for header in (source_tree / "cpp" / "include").rglob("*.hpp"):
        for include in re.findall(r'#include ([<"][^>"]+[>"])', text_of(header)):
            assert include.startswith("<"), f"{header}: {include}"
            assert not include.startswith(("<Eigen", "<doctest", "<omp")), f"{header}: {include}"


def test_code_of_others_has_version_licence_and_reason(source_tree: Path) -> None:
    folders = [f for f in (source_tree / "third_party").iterdir() if f.is_dir()]
    assert {f.name for f in folders} == {"doctest", "eigen"}
    for folder in folders:
        readme = text_of(folder / "README.md")
        assert re.search(r"\d+\.\d+\.\d+", readme.splitlines()[0])
        assert "Licence:" in readme
        assert "Source:" in readme
        assert list(folder.glob("LICENSE*"))


def test_optional_packages_of_the_doctor_are_those_of_the_extras(source_tree: Path) -> None:
    from krogh.doctor import OPTIONAL, REQUIRED

    project = tomllib.loads(text_of(source_tree / "pyproject.toml"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[<>=!~ \[]", requirement)[0] for requirement in requirements}

    assert set(REQUIRED) == names(project["dependencies"]) | {"rich"}  # rich comes with typer
    assert names(project["optional-dependencies"]["std"]) <= set(OPTIONAL)
