"""What to cite: the program, and the publications behind models, blocks and methods.

SPDX-License-Identifier: BSD-3-Clause

The text that a model carries with its parts (notes, sources) names publications by keys in square
brackets, ``[mager_jusko_2001]``; so the references survive composition, renaming and saving.  All
publications stand in ``krogh/library/citations.toml``.
"""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from krogh.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from krogh.model.network import Model

__all__ = ["Citation", "Citations", "all_citations", "cite", "keys_of", "model_keys"]

_KEY: Final = re.compile(r"\[([a-z][a-z_]*(?:_[0-9]{4}|_label))\]")

_METHODS: Final[dict[str, tuple[str, ...]]] = {
    "rodas4": ("hairer_wanner_1996",),
    "rodas5p": ("steinebach_2023",),
    "ros34pw2": ("rang_angermann_2005",),
    "explicit5": ("tsitouras_2011",),
    "rkc2": ("sommeijer_1998",),
    "propagator": ("moler_van_loan_2003",),
}


@dataclass(frozen=True)
class Citation:
    """One publication.

    Attributes
    ----------
    key
        Under which the text of models names it.
    authors, title, journal, year, volume, pages, doi
        As in a reference list; absent parts are empty.
    kind
        ``"article"``, ``"book"``, ``"label"`` or ``"software"``.
    unverified
        Which parts could not be confirmed, ``"DOI"`` or ``"volume, pages"``; empty: none.
    """

    key: str
    authors: str
    title: str
    journal: str
    year: int
    volume: str = ""
    pages: str = ""
    doi: str = ""
    kind: str = "article"
    unverified: str = ""

    @property
    def text(self) -> str:
        """One line as in a reference list."""
        place = self.journal + (f" {self.volume}" if self.volume else "")
        place += f":{self.pages}" if self.pages else ""
        link = f" doi:{self.doi}" if self.doi else ""
        end = "" if self.title.endswith("?") else "."
        doubt = f" [unverified: {self.unverified}]" if self.unverified else ""
        return f"{self.authors} ({self.year}). {self.title}{end} {place}.{link}{doubt}"

    @property
    def bibtex(self) -> str:
        """One BibTeX entry."""
        entry = {"article": "article", "book": "book", "software": "software"}.get(
            self.kind, "misc"
        )
        where = {"article": "journal", "book": "publisher"}.get(entry, "howpublished")
        people = [_bibtex_person(p) for p in self.authors.split(", ")]
        fields = {
            "author": " and ".join(people),
            "title": f"{{{_escaped(self.title)}}}",
            where: _escaped(self.journal),
            "year": str(self.year),
            "volume": self.volume,
            "pages": self.pages.replace("-", "--"),
            "doi": self.doi,
            "note": f"unverified: {self.unverified}" if self.unverified else "",
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        return f"@{entry}{{{self.key},\n" + ",\n".join(lines) + "\n}"

    def __str__(self) -> str:
        return self.text


def _bibtex_person(person: str) -> str:
    """Return ``Family, I. N.`` of ``Family IN``; institutions are kept in braces."""
    if person == "and others":
        return "others"
    family, _, initials = person.rpartition(" ")
    if family and initials.isupper() and initials.isalpha() and len(initials) <= 4:
        return f"{family}, {' '.join(f'{i}.' for i in initials)}"
    return f"{{{person}}}"


def _escaped(text: str) -> str:
    return text.replace("&", r"\&").replace("%", r"\%")


class Citations:
    """Publications to cite; prints as text followed by BibTeX.

    Attributes
    ----------
    items : tuple of Citation
        In the order of their use.
    """

    def __init__(self, items: Iterable[Citation]) -> None:
        self.items = tuple(items)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the publications."""
        return tuple(c.key for c in self.items)

    @property
    def text(self) -> str:
        """The reference list."""
        return "\n".join(c.text for c in self.items)

    @property
    def bibtex(self) -> str:
        """All BibTeX entries."""
        return "\n\n".join(c.bibtex for c in self.items)

    def __iter__(self) -> Iterator[Citation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __str__(self) -> str:
        return f"{self.text}\n\n{self.bibtex}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(c.text)}</li>" for c in self.items)
        return f"<ol>{lines}</ol><pre>{html.escape(self.bibtex)}</pre>"


@lru_cache(maxsize=1)
def all_citations() -> dict[str, Citation]:
    """Return every publication that krogh knows, by key."""
    text = files("krogh.library").joinpath("citations.toml").read_text(encoding="utf-8")
    return {key: Citation(key, **entry) for key, entry in tomllib.loads(text).items()}


def _program() -> Citation:
    from krogh._core import __version__

    title = f"krogh {__version__}: a drug's way from the dose to the tumour's response"
    return Citation("krogh", "krogh developers", title, "Software", 2026, kind="software")


def keys_of(text: str) -> tuple[str, ...]:
    """Return the citation keys that a text names in brackets, each once."""
    return tuple(dict.fromkeys(_KEY.findall(text)))


def _texts_of(model: Model) -> Iterator[str]:
    """Yield every text of a model that may name publications."""
    yield model.note
    for component in model.components:
        for field in ("source", "note"):
            yield str(getattr(component, field, ""))


def _keys(thing: Any) -> tuple[str, ...]:
    """Return the keys of one argument of `cite`."""
    from krogh.model.network import Model

    if isinstance(thing, str):
        return _keys_by_name(thing)
    if isinstance(thing, Model):
        return model_keys(thing)
    provenance = getattr(thing, "provenance", None)
    if provenance is not None:
        return _keys_of_result(provenance)
    texts = [str(getattr(thing, field, "")) for field in ("source", "note")]
    if not any(texts):
        raise SpecError(
            f"KG-101: cite takes models, results, components, and names of library models or"
            f" publications, not {type(thing).__name__}."
        )
    return keys_of("\n".join(texts))


def _keys_of_result(provenance: Any) -> tuple[str, ...]:
    """Return the keys for a result's model, its dosing by AUC, and its method."""
    from krogh.library.loading import names

    carried = tuple(getattr(provenance, "citations", ()))
    if not carried and provenance.model in names():
        carried = _keys_by_name(provenance.model)
    dosing = ("calvert_1989",) if "AUC " in str(provenance.dosing) else ()
    return (*carried, *dosing, *_METHODS.get(str(provenance.method), ()))


def model_keys(model: Model) -> tuple[str, ...]:
    """Return the keys of the publications behind a model, its blocks and its numbers."""
    return keys_of("\n".join(_texts_of(model)))


def _keys_by_name(name: str) -> tuple[str, ...]:
    """Return the keys for a publication's key, a library model's name, or a solver's method."""
    known = all_citations()
    if name in known:
        return (name,)
    if name in _METHODS:
        return _METHODS[name]
    if name == "krogh":
        return ()
    from krogh.library.loading import model, names

    if name in names():
        return _keys(model(name))
    from krogh.library import catalog

    for listed, load in (
        (catalog.drugs, catalog.drug),
        (catalog.tumours, catalog.tumour),
        (catalog.subjects, catalog.subject),
    ):
        if name in listed():
            return _keys(load(name))
    options = [*names(), *catalog.drugs(), *catalog.tumours(), *_METHODS, *known]
    raise SpecError(
        f"KG-103: nothing is known to cite for {name[:60]!r}.{did_you_mean(name, options)}"
    )


def cite(*things: Any) -> Citations:
    """Return what to cite for models, results, blocks or names; printing it shows text and BibTeX.

    Parameters
    ----------
    *things
        Models, results of `simulate`, components, drugs and tumours, names of library models
        (``"trastuzumab_quartino_2019"``), of drugs and tumours (``"T-DM1"``), of methods
        (``"rodas5p"``) or of publications (``"calvert_1989"``).  Nothing: krogh itself.

    Returns
    -------
    Citations
        The program first, then each publication once.

    Raises
    ------
    SpecError
        KG-101 for something that has no sources, KG-103 for an unknown name.

    Examples
    --------
    >>> cite("calvert_1989").keys
    ('krogh', 'calvert_1989')
    """
    known = all_citations()
    items: dict[str, Citation] = {"krogh": _program()}
    for thing in things:
        for key in _keys(thing):
            if key in known:
                items.setdefault(key, known[key])
    return Citations(items.values())
