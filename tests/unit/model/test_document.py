"""Documents: round trips, errors with their path, the JSON schema.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from krogh.errors import SpecError, UnitError
from krogh.model import (
    Compartment,
    Covariate,
    DoseInput,
    Event,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Table,
    Variability,
    json_schema,
)


def everything() -> Model:
    """A model with every kind of component and every field off its default."""
    return Model(
        "everything",
        Parameter("k", "0.1 1/h", lower="0 1/h", upper="5 1/h", source="doi", note="n"),
        Parameter("V", unit="L", verified=False),
        Covariate("WT", "70 kg", lower="1 kg", upper="300 kg", note="n"),
        Covariate("sex", "male", categories={"female": 0, "male": 1}),
        Variability(("e1", "e2"), [[0.1, 0.01], [0.01, 0.2]], level="occasion", source="s"),
        Compartment("c", "V*(WT/70[kg])"),
        Species("C", "nM", initial="steady", initial_guess="1[nM]", compartment="c", note="n"),
        Species("D", "nM", initial="2[nM]*exp(e1)", compartment="c", molar_mass="148 kDa"),
        Species("A", "mg"),
        Rate("A", "-k*A*f(t)", name="loss", note="n"),
        Rate("A", "0"),
        Reaction("C <-> 2 D", "k*C", "k*D", name="r"),
        Reaction("C ->", rate="r2*C*exp(e2)"),
        Rule("r2", "if(sex == 1 and t > 2[h], k, 0)", unit="1/d", note="n"),
        Output("C", unit="nM", note="n"),
        Output("o", "A/V", unit="ug/mL"),
        Event("e", "A < 1e-3[mg]", {"A": "A + 1[mg]"}, direction="both"),
        DoseInput("A", input_function="dose*k*exp(-k*tad)", stored=4, route="oral", drug="x"),
        DoseInput("C", bioavailability=0.5, lag="1/k", duration="2[h]", rate="1[nmol/h]"),
        Table("f", [0, 0.1, 5], [1, 2, 1e-9], x_unit="d", y_unit="", kind="pchip", source="s"),
        note="a note\nof two lines",
    )


def test_a_document_reads_back_to_an_equal_model():
    m = everything()
    assert Model.from_document(m.to_document()) == m
    text = json.dumps(m.to_document())
    assert Model.from_document(json.loads(text)) == m
    assert m.to_document()["format"] == "krogh-model"
    assert m.to_document()["version"] == 1


def test_every_field_is_in_the_document():
    m = everything()
    again = Model.from_document(m.to_document())
    for ours, theirs in zip(m.components, sorted_like(m, again), strict=True):
        assert ours == theirs


def sorted_like(model: Model, other: Model) -> list:
    """Return the other model's components in this one's order (documents group by kind)."""
    by_kind: dict[type, list] = {}
    for component in other.components:
        by_kind.setdefault(type(component), []).append(component)
    return [by_kind[type(c)].pop(0) for c in model.components]


def test_defaults_are_left_out():
    document = Model("m", Parameter("k", "1 1/h"), Species("A", "mg")).to_document()
    assert document == {
        "format": "krogh-model",
        "version": 1,
        "name": "m",
        "parameters": [{"name": "k", "value": "1 1/h"}],
        "species": [{"name": "A", "unit": "mg"}],
    }


def test_files_are_written_whole_and_read_back(tmp_path):
    path = tmp_path / "model.json"
    m = everything()
    m.save(path)
    assert Model.load(path) == m
    assert Model.load(str(path)) == m
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]
    assert path.read_text(encoding="utf-8").endswith("}\n")


def test_partial_models_are_kept_partial():
    block = Model("b", Rate("A", "-k*A"), partial=True)
    assert Model.from_document(block.to_document()).is_partial


def test_errors_of_files_name_the_file_and_the_place(tmp_path):
    path = tmp_path / "model.json"
    with pytest.raises(SpecError, match=r"KG-114: .*model.json' cannot be read: No such file"):
        Model.load(path)
    path.write_text('{"format": "krogh-model", "version": 1, "name": "m", "species": [{')
    with pytest.raises(SpecError, match=r"KG-114: .*model.json is not JSON: .*line 1"):
        Model.load(path)
    path.write_text(
        json.dumps(
            {
                "format": "krogh-model",
                "version": 1,
                "name": "m",
                "parameters": [{"name": "k", "value": "1 1/h"}, {"name": "q", "value": "1 1/qq"}],
            }
        )
    )
    with pytest.raises(UnitError, match=r"KG-120: parameters\[1\]: Parameter 'q'") as caught:
        Model.load(path)
    assert str(caught.value).endswith(f"in {path}")


def test_deeply_nested_json_is_an_error_not_a_crash(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("[" * 100_000)
    with pytest.raises(SpecError, match="KG-114"):
        Model.load(path)


def test_the_schema_covers_every_section_and_refuses_others():
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    for section, items in everything().to_document().items():
        assert section in schema["properties"]
        if isinstance(items, list):
            reference = schema["properties"][section]["items"]["$ref"].rsplit("/", 1)[1]
            fields = schema["$defs"][reference]["properties"]
            assert set().union(*items) <= set(fields)
    assert schema["$defs"]["DoseInput"]["properties"]["lag"]["default"] == "0"


def test_documents_satisfy_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(everything().to_document(), json_schema())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=True)
    | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "value", "unit", "x"]), children, max_size=3)
    ),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_document_gives_a_krogh_error_or_a_model(data):
    document = everything().to_document()
    section = data.draw(st.sampled_from(sorted(document)))
    junk = data.draw(json_values)
    where = data.draw(st.integers(0, 2))
    items = document[section]
    if isinstance(items, list) and where:
        item = items[data.draw(st.integers(0, len(items) - 1))]
        if where == 1:
            item[data.draw(st.sampled_from(sorted(item)))] = junk
        else:
            del item[data.draw(st.sampled_from(sorted(item)))]
    else:
        document[section] = junk
    try:
        Model.from_document(document)
    except (SpecError, UnitError) as error:
        assert error.code.startswith("KG-1")  # noqa: PT017
