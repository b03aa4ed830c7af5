"""The planned arena, against plans that are worked out by hand and graphs made at random."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.inference_costs import Arena
from pytest_modelbudget.protocol.measurement_jobs import MemoryJob
from pytest_modelbudget.workers.measure import memory
from pytest_modelbudget.workers.measure.memory import plan_arena
from tests.workers.flatbuffers import BLOBS, Edit, add, constant, edited, emptied, tensor


def planned(path: Path, batch_size: int = 1) -> Arena:
    return plan_arena(MemoryJob(model=path, batch_size=batch_size))


def refused(path: Path, batch_size: int = 1) -> str:
    with pytest.raises(JobError) as error:
        planned(path, batch_size)
    return str(error.value)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_model_of_two_layers(batch_size: int) -> None:
    # float32: 16 inputs and 4 outputs that are never overwritten, 64 in between.
    size = 4 * (16 + 64 + 4) * batch_size
    assert planned(BLOBS, batch_size) == Arena(planned_bytes=size, beside_bytes=0, live_bytes=size)


def chain(*sizes: int, reshape: int | None = None) -> Edit:
    """Return an edit that makes a chain of ABS over float32 vectors, one of them a RESHAPE."""

    def edit(model: Any) -> None:
        shapes = [(1, size) for size in sizes]
        graph = emptied(model, *(tensor(shape) for shape in shapes))
        for index in range(len(sizes) - 1):
            if index == reshape:
                graph.tensors.append(tensor((2,), "INT32"))
                constant(model, len(sizes), np.array([1, sizes[index]], np.int32))
                options = schema.ReshapeOptionsT(newShape=[1, sizes[index]])
                add(model, "RESHAPE", [index, len(sizes)], index + 1, options)
            else:
                add(model, "ABS", [index], index + 1)
        graph.inputs, graph.outputs = [0], [len(sizes) - 1]

    return edit


def test_what_is_dead_is_overwritten(tmp_path: Path) -> None:
    # Of x, a, b, y with 400 bytes each, y takes the place of a; the next multiple of 64 is 448.
    arena = planned(edited(tmp_path / "m.tflite", chain(100, 100, 100, 100)))
    assert arena == Arena(planned_bytes=448 + 448 + 400, beside_bytes=0, live_bytes=1200)


def test_a_reshape_takes_no_memory_of_its_own(tmp_path: Path) -> None:
    # x, a and y: b lies where a does, until y is made from it.
    arena = planned(edited(tmp_path / "m.tflite", chain(100, 100, 100, 100, reshape=1)))
    assert arena == Arena(planned_bytes=448 + 448 + 400, beside_bytes=0, live_bytes=1200)


def test_what_kernels_keep_outside_of_the_arena_counts(models: Path) -> None:
    arena = planned(models / "two.tflite")
    assert arena.beside_bytes > 0


@st.composite
def graphs(draw: st.DrawFn) -> Edit:
    """Draw a graph of ABS and ADD on vectors of one size, in any order of use."""
    size = draw(st.integers(1, 200))
    count = draw(st.integers(1, 12))
    sources = [
        [draw(st.integers(0, index)) for _ in range(draw(st.integers(1, 2)))]
        for index in range(count)
    ]
    outputs = draw(st.sets(st.integers(1, count), min_size=1))

    def edit(model: Any) -> None:
        graph = emptied(model, *(tensor((1, size)) for _ in range(count + 1)))
        for index, inputs in enumerate(sources):
            options = schema.AddOptionsT() if len(inputs) == 2 else None
            add(model, "ADD" if options else "ABS", inputs, index + 1, options)
        graph.inputs, graph.outputs = [0], sorted(outputs)

    return edit


@settings(deadline=None)
@given(edit=graphs())
def test_any_plan_lies_between_the_bounds_and_is_the_same_again(
    tmp_path_factory: pytest.TempPathFactory, edit: Edit
) -> None:
    path = edited(tmp_path_factory.getbasetemp() / "random.tflite", edit)
    arena = planned(path)
    assert 0 < arena.live_bytes <= arena.planned_bytes
    assert planned(path) == arena


def test_a_plan_that_is_not_where_it_is_expected_is_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edited(tmp_path / "m.tflite", chain(100, 100, 100))
    # As if LiteRT told the same address of all.
    real = memory._blocks
    monkeypatch.setattr(
        memory,
        "_blocks",
        lambda litert, model: [replace(each, start=64) for each in real(litert, model)],
    )
    assert refused(path) == (
        "LiteRT's memory seems to be 400 B, but the graph needs 1,200 to 1,344 B; this version of "
        "LiteRT plans memory in an unknown way: please report it"
    )


def test_memory_that_depends_on_the_values_has_no_figure(tmp_path: Path) -> None:
    def where(model: Any) -> None:
        emptied(model, tensor((1, 8)), tensor((1, 8), "BOOL"), tensor((1, 2), "INT64"))
        model.subgraphs[0].inputs = [0]
        add(model, "CAST", [0], 1)
        add(model, "WHERE", [1], 2)

    assert refused(edited(tmp_path / "m.tflite", where)) == (
        "the memory of the model depends on the values of its inputs: tensors have other sizes for "
        "zeros than for ones; leave out operators whose output size depends on values, such as "
        "WHERE"
    )


def test_a_size_that_the_model_leaves_open(models: Path) -> None:
    assert refused(models / "any_length.tflite") == (
        "input x has the open shape (-1, -1), and the memory depends on the open size; "
        "convert the model with every size fixed but the batch"
    )


def test_a_batch_that_the_model_does_not_take(models: Path) -> None:
    assert refused(models / "fixed.tflite") == (
        "the model takes batches of 4, not 1; convert it with an open batch size"
    )
    assert planned(models / "fixed.tflite", 4).live_bytes == 96


def test_an_input_of_text(tmp_path: Path) -> None:
    def text(model: Any) -> None:
        model.subgraphs[0].tensors[0].type = schema.TensorType.STRING

    assert refused(edited(tmp_path / "m.tflite", text)) == (
        "input x takes bytes, not numbers: its size depends on the data; "
        "leave the text out of the model, or max_memory out of the budget"
    )


def test_a_model_that_runs_another_graph(tmp_path: Path) -> None:
    def call_once(model: Any) -> None:
        emptied(model, tensor((1, 4)), tensor((1, 4)))
        model.subgraphs.append(schema.SubGraphT(inputs=[], outputs=[], tensors=[], operators=[]))
        options = schema.CallOnceOptionsT(initSubgraphIndex=1)
        add(model, "CALL_ONCE", [], 1, options)
        model.subgraphs[0].operators[0].outputs = []
        add(model, "ABS", [0], 1)

    assert refused(edited(tmp_path / "m.tflite", call_once)) == (
        "the model has operators that run other subgraphs (CALL_ONCE), and LiteRT does not tell "
        "the addresses of their tensors; leave out loops and branches, or convert the model with "
        "its loops unrolled"
    )


def test_a_model_that_litert_refuses(tmp_path: Path) -> None:
    def unprepared(model: Any) -> None:
        emptied(model, tensor((1, 4)), tensor((1, 4)))
        add(model, "ABS", [0, 0], 1)

    assert "LiteRT cannot prepare" in refused(edited(tmp_path / "m.tflite", unprepared))
