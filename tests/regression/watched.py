"""The runs whose numbers are watched, and the file that holds what they gave.

SPDX-License-Identifier: BSD-3-Clause

    python tests/regression/watched.py --regenerate

writes ``numbers.json``.  Say in ``log.md``, in the same commit, why numbers have changed; a test
compares the two.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import krogh as kg
import numpy as np
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Reaction, Species, systemic

FILE = Path(__file__).with_name("numbers.json")
LOG = Path(__file__).with_name("log.md")


def antibody():
    """Absorption, two compartments and full binding to a target."""
    return Model(
        "antibody",
        Parameter("ka", "0.3 1/d"), Parameter("CL", "0.2 L/d"), Parameter("V1", "3 L"),
        Parameter("Q", "0.5 L/d"), Parameter("V2", "3 L"), Parameter("kon", "10 1/(nM*d)"),
        Parameter("koff", "1 1/d"), Parameter("kint", "1 1/d"), Parameter("ksyn", "1 nM/d"),
        Parameter("kdeg", "0.5 1/d"),
        Species("A", "nmol"), Species("C", "nM"), Species("P", "nM"),
        Species("R", "nM", initial="ksyn/kdeg"), Species("RC", "nM"),
        Rate("A", "-ka*A"),
        Rate("C", "ka*A/V1 - (CL + Q)/V1*C + Q/V1*P"),
        Rate("P", "Q/V2*(C - P)"),
        Rate("R", "ksyn - kdeg*R"),
        Reaction("C + R <-> RC", forward="kon*C*R", backward="koff*RC"),
        Reaction("RC ->", rate="kint*RC"),
        DoseInput("A"),
        Output("free", "C", unit="nM"), Output("complex", "RC", unit="nM"),
    )  # fmt: skip


def _two_compartments():
    return (
        systemic.compartments(2, V1="3 L", Q="0.5 L/d", V2="3 L")
        + systemic.linear_elimination(CL="0.2 L/d")
        + systemic.saturable_elimination(Vmax="2 mg/d", Km="1 mg/L")
    )


def _table(result, *outputs):
    """Values of outputs, and the exposure of every subject and window."""
    found = {name: np.ravel(result[name].values).tolist() for name in outputs}
    for name, column in result.exposure().columns.items():
        if column.dtype.kind == "f":
            found[f"exposure: {name}"] = column.tolist()
    return found


def compute():
    """All watched numbers."""
    days = (list(np.linspace(0.5, 27.5, 10)), "d")
    found = {}
    for method in ("rodas4", "rodas5p", "ros34pw2"):
        found[f"antibody, {method}"] = _table(
            kg.simulate(antibody(), "210 nmol every 7 d x 3", times=days, rtol=1e-6, method=method),
            "free", "complex",
        )  # fmt: skip
    found["two compartments, saturable"] = _table(
        kg.simulate(_two_compartments(), "100 mg over 90 min every 7 d x 4", times=days, rtol=1e-6),
        "Cp",
    )
    found["trastuzumab population"] = _table(
        kg.simulate(
            kg.library.model("trastuzumab_quartino_2019"),
            "8 mg/kg then 6 mg/kg every 3 weeks x 2",
            subjects=6, times=([1.0, 20.0, 42.0], "d"), variability=True, seed=4, weight="70 kg",
        ),
        "Cp",
    )  # fmt: skip
    return found


def digest():
    """First digits of the digest of the stored numbers, as they stand in the log."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()[:12]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--regenerate", action="store_true", required=True)
    parser.parse_args()
    FILE.write_text(json.dumps(compute(), indent=1) + "\n")
    print(f"{FILE.name} is now {digest()}: say why in {LOG.name}")


if __name__ == "__main__":
    main()
