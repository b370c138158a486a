"""The public names, as a file: a change of the surface is a visible diff.

SPDX-License-Identifier: BSD-3-Clause

``python tests/package/test_surface.py`` writes the file anew; read the diff and say why in the
changelog.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import krogh

LISTING = Path(__file__).with_name("public_names.txt")


def public_modules() -> Iterator[str]:
    """Yield krogh, its direct children, and the building blocks; what lies deeper is internal."""
    yield "krogh"
    for module in pkgutil.iter_modules(krogh.__path__, "krogh."):
        if not module.name.removeprefix("krogh.").startswith("_"):
            yield module.name
    yield "krogh.model.effect"
    yield "krogh.model.engagement"
    yield "krogh.model.systemic"
    yield "krogh.model.tissue"


def surface() -> list[str]:
    """Return one line for each name in the `__all__` of each public module, and for each method."""
    lines: list[str] = []
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            home = getattr(value, "__module__", module_name)
            is_definition = inspect.isclass(value) or inspect.isfunction(value)
            is_own = module_name != "krogh" and f"{home}.".startswith(f"{module_name}.")
            if is_definition and not is_own:
                lines.append(f"{module_name}.{name} = {home}")
                continue
            lines.append(f"{module_name}.{name}{parameters(value)}")
            if inspect.isclass(value):
                lines += [f"{module_name}.{name}.{method}" for method in methods(value)]
    return sorted(lines)


def methods(kind: type) -> Iterator[str]:
    """Yield the public methods and properties of a class: its own, and those it has from krogh."""
    found: dict[str, object] = {}
    for base in reversed(kind.__mro__):
        if base is kind or base.__module__.startswith("krogh."):
            found |= vars(base)
    for name, value in found.items():
        if name.startswith("_"):
            continue
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__
        if inspect.isfunction(value):
            yield f"{name}{parameters(value)}"
        elif isinstance(value, (property, cached_property)):
            yield name


def parameters(value: object) -> str:
    """Return the names of the parameters of a function, those with a default marked by ``=``."""
    if not inspect.isfunction(value):
        return ""
    shown: list[str] = []
    is_keyword_only = False
    for name, parameter in inspect.signature(value).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword_only:
            shown.append("*")
            is_keyword_only = True
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        is_keyword_only |= star == "*"
        shown.append(f"{star}{name}{'' if parameter.default is parameter.empty else '='}")
    return f"({', '.join(shown)})"


def test_the_public_names_are_those_of_the_listing() -> None:
    listed = LISTING.read_text(encoding="utf-8").splitlines()
    now = surface()
    appeared = sorted(set(now) - set(listed))
    vanished = sorted(set(listed) - set(now))
    assert not appeared, f"new public names; run {Path(__file__).name}: {appeared}"
    assert not vanished, f"public names are gone; run {Path(__file__).name}: {vanished}"


def test_every_public_function_and_class_is_documented() -> None:
    bare: list[str] = []
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        if not (module.__doc__ or "").strip():
            bare.append(module_name)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            is_own = inspect.isfunction(value) or inspect.isclass(value)
            if is_own and not (inspect.getdoc(value) or "").strip():
                bare.append(f"{module_name}.{name}")
    assert not bare


if __name__ == "__main__":
    LISTING.write_text("\n".join(surface()) + "\n", encoding="utf-8")
