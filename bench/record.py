"""What a benchmark writes down about itself: machine, tools, commit, date; JSON and tables.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent


def machine() -> dict[str, Any]:
    """Processor, cores granted, system, compiler, commit, load and time of the run."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": available_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "compiler": first_line(os.environ.get("CXX", "c++"), "--version"),
        "commit": first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "load_average": os.getloadavg()[0],
    }


def processor() -> str:
    """Model name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = (line.partition(":") for line in lines)
    table = {key.strip(): value.strip() for key, _, value in fields}
    family, model = table.get("cpu family", "?"), table.get("model", "?")
    return f"{table.get('model name', platform.machine())} (family {family}, model {model})"


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def first_line(*command: str) -> str:
    """First line that a command prints, or the reason why there is none."""
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown ({type(error).__name__})"
    return out.splitlines()[0] if out else ""


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a record, indented, with the folder made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def markdown_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows with the same keys as a table; numbers with three digits."""
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(cell(row[key]) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
