"""Drugs, tumours, subjects and published models: each number with unit, range and source.

SPDX-License-Identifier: BSD-3-Clause

>>> import krogh as kg
>>> print(kg.library.models())                               # doctest: +SKIP
>>> model = kg.library.model("trastuzumab_quartino_2019")    # doctest: +SKIP
>>> print(model.info)                                        # doctest: +SKIP
>>> print(kg.cite(model))                                    # doctest: +SKIP
>>> drug = kg.library.drug("T-DM1")
>>> drug.values["permeability"].value
'3e-7 cm/s'
>>> kg.library.tumour("NCI-N87").shape                       # doctest: +SKIP
"""

from krogh.citations import cite
from krogh.library.assembling import Assembly, assemble, assembly_of
from krogh.library.catalog import (
    drug,
    drug_table,
    drugs,
    load_drug,
    load_subject,
    load_tumour,
    subject,
    subject_table,
    subjects,
    tumour,
    tumour_table,
    tumours,
)
from krogh.library.drug_spec import Drug
from krogh.library.loading import info, load_file, model, models, names
from krogh.library.published import ModelInfo, PublishedModel
from krogh.library.sampling import uncertain_values, virtual_values
from krogh.library.subject_spec import Subject
from krogh.library.tumour_spec import Tumour
from krogh.library.values import Value

__all__ = [
    "Assembly",
    "Drug",
    "ModelInfo",
    "PublishedModel",
    "Subject",
    "Tumour",
    "Value",
    "assemble",
    "assembly_of",
    "cite",
    "drug",
    "drug_table",
    "drugs",
    "info",
    "load_drug",
    "load_file",
    "load_subject",
    "load_tumour",
    "model",
    "models",
    "names",
    "subject",
    "subject_table",
    "subjects",
    "tumour",
    "tumour_table",
    "tumours",
    "uncertain_values",
    "virtual_values",
]
