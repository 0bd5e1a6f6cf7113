"""Which graphs reach ONNX Runtime: only those that need nothing beside themselves and fit the inputs and outputs."""

from __future__ import annotations

import random

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from ratecast.errors import ModelBundleError
from ratecast.model import graph_check, parity
from ratecast.model.bundle import ONNX, PARITY, load
from ratecast.model.graph_check import check_graph
from ratecast.model.parity import Probes, Proof
from tests.bundles import centre_on_noise, forest_on_noise, write_bundle, write_manifest

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
FLOAT = TensorProto.FLOAT


def table(name, *shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def graph_of(*nodes, weights=(), takes=None, gives=None, **further):
    takes = takes or [table("x", None, 3)]
    gives = gives or [table("y", None, 3)]
    graph = helper.make_graph(list(nodes), "g", takes, gives, list(weights))
    return helper.make_model(graph, opset_imports=further.pop("opsets", OPSETS), ir_version=8, **further)


def external(location="/etc/passwd"):
    weight = TensorProto(name="w", data_type=FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    return weight


def plain(name="w"):
    return helper.make_tensor(name, FLOAT, [3], [1.0, 2.0, 3.0])


ADD = helper.make_node("Add", ["x", "w"], ["y"])


def constant(value):
    return helper.make_node("Constant", [], ["w"], value=value)


def branch(weight):
    """A graph within a graph within a graph."""
    inner = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["z"])], "inner", [], [table("z", 3)], [weight]
    )
    return helper.make_graph(
        [helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)],
        "outer",
        [],
        [table("z", 3)],
        [helper.make_tensor("c", TensorProto.BOOL, [], [True])],
    )


def sparse_external():
    weight = onnx.SparseTensorProto(values=external(), dims=[3])
    weight.indices.CopyFrom(helper.make_tensor("i", TensorProto.INT64, [3], [0, 1, 2]))
    return weight


def nested():
    outer = branch(external())
    choice = helper.make_node("If", ["c"], ["w"], then_branch=outer, else_branch=outer)
    return graph_of(choice, ADD, weights=[helper.make_tensor("c", TensorProto.BOOL, [], [True])])


def with_sparse_weight():
    model = graph_of(ADD)
    model.graph.sparse_initializer.append(sparse_external())
    return model


def only_marked():
    """Marked as outside, without a place."""
    weight = plain()
    weight.data_location = TensorProto.EXTERNAL
    return graph_of(ADD, weights=[weight])


def only_placed():
    weight = plain()
    weight.external_data.add(key="location", value="x")
    return graph_of(ADD, weights=[weight])


OUTSIDE = {
    "a weight": lambda: graph_of(ADD, weights=[external()]),
    "the address of something in memory": lambda: graph_of(ADD, weights=[external("*/_ORT_MEM_ADDR_/*")]),
    "a constant": lambda: graph_of(constant(external()), ADD),
    "a list of tensors": lambda: graph_of(
        helper.make_node("Add", ["x", "w"], ["y"], some=[plain(), external()]), weights=[plain()]
    ),
    "a sparse constant": lambda: graph_of(
        helper.make_node("Constant", [], ["w"], sparse_value=sparse_external()), ADD
    ),
    "a sparse weight": with_sparse_weight,
    "a graph in a graph": nested,
    "marked only": only_marked,
    "placed only": only_placed,
}


@pytest.mark.parametrize("where", OUTSIDE)
def test_data_outside_the_graph_is_refused_wherever_it_is(where):
    with pytest.raises(ModelBundleError, match="has data outside itself, which is not allowed"):
        check_graph(OUTSIDE[where]().SerializeToString())


def test_an_enumeration_that_the_runtime_cuts_to_external_is_refused():
    """Protocol buffers cut a number of 64 bits to the 32 of an enumeration: 2**32 + 1 is 1 there."""
    weight = plain().SerializeToString() + bytes([14 << 3, 0x81, 0x80, 0x80, 0x80, 0x10])
    assert TensorProto.FromString(weight).data_location == TensorProto.EXTERNAL
    with pytest.raises(ModelBundleError, match="data outside itself"):
        check_graph(in_model(weight))


def test_data_that_says_it_is_inside_is_allowed():
    weight = plain()
    weight.data_location = TensorProto.DEFAULT
    check_graph(graph_of(ADD, weights=[weight]).SerializeToString())
    check_graph(in_model(plain().SerializeToString() + bytes([14 << 3, 0x80, 0x80, 0])))  # a longer 0


def in_model(weight):
    """A model with a weight of these bytes."""
    graph = bytes([5 << 3 | 2, len(weight)]) + weight
    return bytes([7 << 3 | 2, len(graph)]) + graph


FOREIGN = {
    "a node": lambda: graph_of(helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")),
    "an import": lambda: graph_of(ADD, opsets=[*OPSETS, helper.make_opsetid("evil.example", 1)]),
}


@pytest.mark.parametrize("where", FOREIGN)
def test_operators_beyond_those_of_onnx_are_refused(where):
    with pytest.raises(
        ModelBundleError, match=r"operators of the domain '(com\.microsoft|evil\.example)'; only ONNX's own"
    ):
        check_graph(FOREIGN[where]().SerializeToString())


def test_functions_and_training_are_refused():
    function = helper.make_function(
        "evil", "f", ["x"], ["y"], [helper.make_node("Abs", ["x"], ["y"])], OPSETS
    )
    with pytest.raises(ModelBundleError, match="has functions of its own, which is not allowed"):
        check_graph(graph_of(ADD, functions=[function]).SerializeToString())
    model = graph_of(ADD)
    model.training_info.add()
    with pytest.raises(ModelBundleError, match="has steps of a training, which is not allowed"):
        check_graph(model.SerializeToString())


@pytest.mark.parametrize(
    "content",
    [
        b"no graph",
        b"\x00",
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\x3b",
        b"\xff" * 20,
        b"\x08",
    ],
)
def test_what_is_not_onnx_is_refused(content):
    with pytest.raises(
        ModelBundleError, match=r"its ONNX model cannot be run: it is (not ONNX|in ONNX Runtime's)"
    ):
        check_graph(content)


def test_the_runtime_s_own_format_is_refused_though_it_reads_as_onnx():
    """The runtime knows its format by the bytes 4 to 7, and these bytes are the name of the producer for ONNX."""
    content = b"\x12\x06xxORTM" + graph_of(ADD, weights=[plain()]).SerializeToString()
    assert onnx.ModelProto.FromString(content).graph.node
    with pytest.raises(ModelBundleError, match="it is in ONNX Runtime's own format, not in ONNX's"):
        check_graph(content)


def test_a_graph_nested_too_deeply_is_refused():
    content = b""
    for level in range(60):
        tags = (7, 1, 5, 6) if level == 59 else (1, 5, 6)
        for number in reversed(tags):
            content = bytes([number << 3 | 2]) + varint(len(content)) + content
    with pytest.raises(ModelBundleError, match="nested more than 40 levels deep"):
        check_graph(content)


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def test_the_numbers_of_fields_are_those_of_the_package():
    for name, inner in graph_check.MESSAGES.items():
        fields = {field.number: field for field in getattr(onnx, name).DESCRIPTOR.fields}
        wanted = {*graph_check.MESSAGES, "TensorProto", "OperatorSetIdProto"}
        assert inner == {
            number: field.message_type.name
            for number, field in fields.items()
            if field.message_type is not None and field.message_type.name in wanted
        }
    tensor, model = TensorProto.DESCRIPTOR.fields_by_name, onnx.ModelProto.DESCRIPTOR.fields_by_name
    assert tensor["data_location"].number == graph_check.DATA_LOCATION
    assert set(graph_check.REFUSED["TensorProto"]) == {tensor["external_data"].number}
    assert set(graph_check.REFUSED["ModelProto"]) == {
        model["training_info"].number,
        model["functions"].number,
    }
    for name, number in graph_check.DOMAINS.items():
        assert getattr(onnx, name).DESCRIPTOR.fields_by_number[number].name == "domain"


def test_graphs_of_training_pass():
    check_graph(forest_on_noise()[0])
    check_graph(centre_on_noise()[0])


def fits(model, outputs=3):
    probes = Probes(inputs=[[1.0, 2.0, 3.0]] * 4, outputs=[[1.0, 2.0, 3.0][:outputs]] * 4)
    parity.check_probes(model.SerializeToString(), probes)


IDENTITY = helper.make_node("Identity", ["x"], ["y"])
MISFITS = {
    "rows": (
        graph_of(IDENTITY, takes=[table("x", 4, 3)], gives=[table("y", 4, 3)]),
        r"does not fit: its input has the shape \[4, 3\], not \[None, 3\]",
    ),
    "columns": (
        graph_of(IDENTITY, takes=[table("x", None, 2)], gives=[table("y", None, 2)]),
        r"does not fit: its input has the shape \[None, 2\]",
    ),
    "an axis": (
        graph_of(IDENTITY, takes=[table("x", None, 3, 1)], gives=[table("y", None, 3, 1)]),
        "does not fit: its input has the shape",
    ),
    "an input": (
        graph_of(
            helper.make_node("Add", ["x", "w"], ["y"]), takes=[table("x", None, 3), table("w", None, 3)]
        ),
        "does not fit: it has 2 inputs and 1 outputs",
    ),
    "an output": (
        graph_of(
            IDENTITY, helper.make_node("Abs", ["x"], ["z"]), gives=[table("y", None, 3), table("z", None, 3)]
        ),
        "does not fit: it has 1 inputs and 2 outputs",
    ),
    "a type": (
        graph_of(
            IDENTITY,
            takes=[table("x", None, 3, kind=TensorProto.DOUBLE)],
            gives=[table("y", None, 3, kind=TensorProto.DOUBLE)],
        ),
        r"does not fit: it takes tensor\(double\)",
    ),
    "whole numbers": (
        graph_of(
            helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT64),
            gives=[table("y", None, 3, kind=TensorProto.INT64)],
        ),
        r"does not fit: it takes tensor\(float\) and gives tensor\(int64\)",
    ),
    "rows in its middle": (
        graph_of(
            helper.make_node("Reshape", ["x", "s"], ["y"]),
            weights=[helper.make_tensor("s", TensorProto.INT64, [2], [4, 3])],
        ),
        "its ONNX model cannot be run",
    ),
}


def test_a_graph_that_fits_passes():
    fits(graph_of(IDENTITY))


@pytest.mark.parametrize("what", MISFITS)
def test_a_graph_that_takes_or_gives_something_else_is_refused(what):
    model, reason = MISFITS[what]
    with pytest.raises(ModelBundleError, match=reason) as refused:
        fits(model)
    assert "\n" not in str(refused.value)


def test_a_forest_for_other_inputs_is_refused_though_its_graph_and_its_answers_agree(tmp_path):
    directory = write_bundle(tmp_path)
    graph, probes = centre_on_noise()
    (directory / ONNX).write_bytes(graph)
    (directory / PARITY).write_text(Proof(range=probes).model_dump_json())
    write_manifest(directory, "test-1")
    with pytest.raises(ModelBundleError, match="is made for 3 inputs and 1 outputs, not for 11 and 2"):
        load(tmp_path)


def test_the_runtime_gives_what_numpy_gives_for_a_graph_that_passes():
    """The helper's graphs are graphs that run, so each of the refusals above is about what was added."""
    model = graph_of(ADD, weights=[plain()]).SerializeToString()
    check_graph(model)
    rows = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(parity.OnnxModel(model).predict(rows), rows + np.array([1.0, 2.0, 3.0]))


def holds_what_is_refused(message):
    """The same question, asked of what the package onnx has parsed."""
    name = message.DESCRIPTOR.name
    if name == "TensorProto" and (message.external_data or message.data_location != TensorProto.DEFAULT):
        return True
    if name == "ModelProto" and (message.functions or message.training_info):
        return True
    if name in graph_check.DOMAINS and message.domain not in {"", "ai.onnx", "ai.onnx.ml"}:
        return True
    inner = graph_check.MESSAGES.get(name, {})
    return any(
        holds_what_is_refused(one)
        for field, value in message.ListFields()
        if field.number in inner
        for one in (value if field.is_repeated else [value])
    )


def test_no_change_of_a_byte_hides_what_is_refused():
    """Whatever onnx finds in changed bytes, the check finds too. It may refuse more: bytes that are no ONNX, for one."""
    generator = random.Random(7)
    graphs = [make().SerializeToString() for make in (*OUTSIDE.values(), *FOREIGN.values())]
    graphs += [graph_of(ADD, weights=[plain()]).SerializeToString()]
    bad = sound = 0
    for _ in range(4000):
        content = bytearray(generator.choice(graphs))
        for _ in range(generator.randint(1, 3)):
            at = generator.randrange(len(content))
            content[at : at + generator.choice((0, 1, 1))] = bytes(
                [generator.choice((generator.randrange(256), 0x70, 0x6A, 0x80, content[at] ^ 1))]
            )
        try:
            parsed = onnx.ModelProto.FromString(bytes(content))
        except DecodeError:
            continue
        try:
            check_graph(bytes(content))
        except ModelBundleError:
            bad += holds_what_is_refused(parsed)
        else:
            sound += 1
            assert not holds_what_is_refused(parsed), content.hex()
    assert bad > 500
    assert sound > 30
