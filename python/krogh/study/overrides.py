"""Other values of a study by dotted names: ``drug.dissociation_rate``, ``tumour.outer_radius``.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from krogh.errors import SpecError, did_you_mean
from krogh.study.document import Place, Settings
from krogh.study.parts import is_3d, known_values
from krogh.study.regimen import drug_called
from krogh.study.volume_parts import known_of_tumour_3d, with_value_of_tumour_3d

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["overridden"]

_FIELDS: Final = ("regimen", "until", "times", "targets", "tumour_volume", "plasma", "title")


def overridden(study: Study, values: Mapping[str, Any]) -> Study:
    """Return a study with other values; see `Study.with_values`.

    ``drug``, ``tumour`` and ``subject`` without a dot take another one of the library.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, KG-140 where several drugs make ``drug`` ambiguous.
    """
    drugs, fields = list(study.drugs), {}
    parts: dict[str, Any] = {
        "tumour": study.tumour_3d or study.tumour,
        "subject": study.subject,
    }
    for name, value in values.items():
        owner, _, rest = name.partition(".")
        if not rest:
            if name not in (*_FIELDS, "drug", "tumour", "subject"):
                raise _unknown(name, study)
            if name in parts:
                from krogh.study.parts import subject_of, tumour_of

                if name == "tumour":
                    cells, in_3d = tumour_of(value)
                    parts[name] = in_3d or cells
                else:
                    parts[name] = subject_of(value)
            else:
                fields[name] = value
        elif owner == "settings":
            if rest not in Settings.model_fields:
                raise Place().unknown(["settings", rest], list(Settings.model_fields))
            fields[rest] = _as_setting(rest, value)
        elif owner in parts:
            parts[owner] = _with_value(owner, parts[owner], rest, value)
        else:
            k = _drug_position(owner, name, study)
            drugs[k] = _with_value("drug", drugs[k], rest, value)
    return study._changed(**{"drug": drugs, **parts, **fields})


def _with_value(kind: str, spec: Any, name: str, value: Any) -> Any:
    in_3d = is_3d(spec)
    known = known_of_tumour_3d(spec) if in_3d else known_values(kind, spec)
    if name not in known:
        raise Place().unknown([kind, name], known)
    if in_3d:
        return with_value_of_tumour_3d(spec, name, value)
    if isinstance(value, str) and name in ("cells", "growth"):
        value = _as_number(value)
    return spec.with_values({name: value})


def _drug_position(owner: str, name: str, study: Study) -> int:
    if owner == "drug":
        if len(study.drugs) > 1:
            names = " or ".join(f"{drug.label}.{name.partition('.')[2]}" for drug in study.drugs)
            raise SpecError(
                f"KG-140: {name!r}: the study has several drugs; say which one: {names}."
            )
        return 0
    drug = drug_called(owner, study.drugs)
    if drug is None:
        raise _unknown(name, study)
    return study.drugs.index(drug)


def _unknown(name: str, study: Study) -> SpecError:
    known = [*_FIELDS, "settings.rtol"]
    for kind, spec in (("tumour", study.tumour), ("subject", study.subject)):
        known += [kind, *(f"{kind}.{value}" for value in known_values(kind, spec))]
    if study.tumour_3d is not None:
        known += [f"tumour.{value}" for value in known_of_tumour_3d(study.tumour_3d)]
    for drug in study.drugs:
        owners = ["drug"] if len(study.drugs) == 1 else [drug.label]
        known += [f"{o}.{v}" for o in owners for v in known_values("drug", drug)]
    return SpecError(
        f"KG-103: a study has no value {name!r}.{did_you_mean(name, known)}\n"
        "  Values are drug.NAME, tumour.NAME, subject.NAME, settings.NAME, or"
        f" {', '.join(_FIELDS)}."
    )


def _as_number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _as_setting(name: str, value: Any) -> Any:
    """Return a setting that was written as text as what it is."""
    if not isinstance(value, str) or name == "method":
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    return _as_number(value)
