"""A study as plain data, as TOML and as a file: what equals what, and how it is copied.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from krogh.errors import Error
from krogh.study.document import Place, parsed, read_text
from krogh.study.toml_text import toml_text
from krogh.study.writing import (
    arguments_of_document,
    arguments_of_study,
    document_of_study,
    identity_of,
    placed,
)
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["InText"]


class InText:
    """The part of `krogh.Study` that reads and writes; equal studies have equal text."""

    __slots__ = ()

    def to_document(self) -> dict[str, Any]:
        """Return the study as plain data; `from_document` reads it back.

        Raises
        ------
        SpecError
            KG-140 for a tumour in 3-D that was made of arrays.
        """
        return document_of_study(cast("Study", self))

    @classmethod
    def from_document(cls, content: Mapping[str, Any], where: str = "the study") -> Self:
        """Return the study that plain data describe; see `krogh.study.document`.

        Raises
        ------
        SpecError
            KG-103 for an unknown key or name, KG-140 for what is missing or of a wrong kind.
        """
        return cls._of(content, Place(where))

    @classmethod
    def from_toml(cls, text: str, where: str = "the study") -> Self:
        """Return the study of a TOML text; errors say in which line."""
        place = Place(where, text)
        return cls._of(parsed(text, place), place)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the study of a file (TOML); files that it names lie beside it.

        Raises
        ------
        SpecError
            KG-140 for a file that cannot be read, KG-103 for an unknown key with its line, and the
            errors of the constructor.
        """
        path = Path(path)
        place = Place(path.name, read_text(path), path.resolve().parent)
        return cls._of(parsed(place.text, place), place)

    @classmethod
    def _of(cls, content: Mapping[str, Any], place: Place) -> Self:
        arguments = arguments_of_document(content, place)
        try:
            return cls(**arguments)
        except Error as error:
            raise placed(error, place) from None

    def to_toml(self) -> str:
        """Return the study as TOML; `from_toml` reads it back to an equal study."""
        return toml_text(self.to_document())

    def save(self, path: str | Path) -> Path:
        """Write the study as TOML.

        Raises
        ------
        SpecError
            KG-133 for a path that cannot be written.
        """
        text = self.to_toml()
        return write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))

    # --- equality and copies ----------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, InText):
            return NotImplemented
        return bool(identity_of(cast("Study", self)) == identity_of(cast("Study", other)))

    def __hash__(self) -> int:
        return hash(identity_of(cast("Study", self)))

    def __reduce__(self) -> tuple[Any, ...]:
        study = cast("Study", self)
        if study.tumour_3d is not None and study.tumour_3d.recipe is None:
            return _rebuilt, (type(self), arguments_of_study(study))
        return type(self).from_toml, (self.to_toml(), "the study")


def _rebuilt(study: type[Study], arguments: dict[str, Any]) -> Study:
    return study(**arguments)
