"""What ``import krogh`` loads and costs, and that its names resolve.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import krogh
import pytest

HEAVY = ("scipy", "pandas", "polars", "matplotlib", "pint", "xarray", "rich", "typer", "h5py")


def run(code: str) -> str:
    """Run code in a new interpreter and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    ).stdout


def loaded_after(code: str) -> set[str]:
    listing = run(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    return {name.partition(".")[0] for name in json.loads(listing.splitlines()[-1])}


def test_importing_krogh_loads_nothing_heavy() -> None:
    loaded = loaded_after("import krogh")
    assert not loaded & {*HEAVY, "numpy", "pydantic"}


def test_solving_loads_no_optional_package() -> None:
    code = (
        "import krogh as kg\n"
        "m = kg.library.model('antibody_davda_2014')\n"
        "r = kg.simulate(m, '100 mg iv', until='7 d')\n"
        "str(r)"
    )
    assert not loaded_after(code) & {"pandas", "polars", "matplotlib", "xarray", "rich", "typer"}


def test_every_public_name_resolves() -> None:
    for name in krogh.__all__:
        assert getattr(krogh, name) is not None
    assert set(krogh.__all__) <= set(dir(krogh))


def test_simulate_is_the_function_however_it_was_reached() -> None:
    code = (
        "import krogh.simulate, krogh\n"
        "from krogh.simulate import steady_state\n"
        "assert krogh.simulate is not krogh.dosing\n"
        "print(callable(krogh.simulate), krogh.simulate.__name__)"
    )
    assert run(code).split() == ["True", "simulate"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="simulat_e"):
        _ = krogh.simulat_e


def test_errors_are_the_same_classes_everywhere() -> None:
    errors = importlib.import_module("krogh.errors")
    assert krogh.UnitError is errors.UnitError
    assert issubclass(krogh.UnitError, krogh.InvalidInput)
    assert issubclass(krogh.InvalidInput, ValueError)


def test_the_version_is_that_of_the_core_and_of_the_sources(source_tree: object) -> None:
    import re
    from pathlib import Path

    cmake = Path(str(source_tree), "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(r"project\(krogh VERSION ([0-9.]+)", cmake)
    assert found is not None
    assert krogh.__version__ == found.group(1)
