import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras

from example_project import data
from pytest_modelbudget.budgetfile.stages import LayerSelection, PruneChannels
from pytest_modelbudget.budgetfile.types import CallSource, Data, FileSource, Source
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.channels import rank, removal, walk
from pytest_modelbudget.workers.compress.stages import run_stage
from tests.workers.compress import graphs
from tests.workers.compress.building import job, no_progress

pytestmark = pytest.mark.tensorflow
GRAPHS = ["sequential", "residual", "concatenated", "shared", "decoder", "gated"]


def randomize(model: Any, zeros: Mapping[str, list[int]]) -> None:
    """Give all weights random values, and the filters and units named only zeros."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        layer.set_weights([random.uniform(0.1, 1, weight.shape) for weight in layer.weights])
        for weight in layer.weights:
            if "depthwise" not in weight.name and "moving_variance" not in weight.name:
                values = weight.numpy()
                is_transposed = "transposed" in weight.name and values.ndim == 4
                made = np.moveaxis(values, -2 if is_transposed else -1, 0)
                made[zeros.get(layer.name.removesuffix("_norm"), [])] = 0
                weight.assign(values)


@pytest.mark.parametrize("graph", GRAPHS)
def test_removing_filters_that_are_zero_changes_no_output(graph: str) -> None:
    model, zeros = getattr(graphs, graph)()
    randomize(model, zeros)
    random = np.random.default_rng(1)
    inputs = [random.random((3, *x.shape[1:]), np.float32) for x in model.inputs]
    expected = model(inputs if len(inputs) > 1 else inputs[0])

    trace = walk.follow(model)
    keep = rank.choose(trace, rank.find_groups(trace), 0.5, "l1")
    smaller = removal.remove_channels(model, trace, keep)
    removal.verify_removal(model, smaller, trace, keep)

    removed = {
        name: np.flatnonzero(~keep[maker.channels]).tolist()
        for name, maker in trace.makers.items()
        if not keep[maker.channels].all()
    }
    assert removed == zeros
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    found = smaller(inputs if len(inputs) > 1 else inputs[0])
    for wanted, output in zip(as_list(expected), as_list(found), strict=True):
        np.testing.assert_allclose(output, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("graph", GRAPHS)
def test_tied_layers_lose_the_same_channels_whatever_their_weights(graph: str) -> None:
    model, _ = getattr(graphs, graph)()
    randomize(model, {})
    trace = walk.follow(model)
    keep = rank.choose(trace, rank.find_groups(trace), 0.5, "l2")

    removal.verify_removal(model, removal.remove_channels(model, trace, keep), trace, keep)


def as_list(outputs: Any) -> list[Any]:
    return outputs if isinstance(outputs, list) else [outputs]


def test_a_wrong_cut_is_found() -> None:
    model, _ = graphs.residual()
    randomize(model, {})
    trace = walk.follow(model)
    keep = rank.choose(trace, rank.find_groups(trace), 0.5, "l1")
    smaller = removal.remove_channels(model, trace, keep)
    kernel = smaller.get_layer("conv").kernel
    kernel.assign(kernel[..., ::-1])

    with pytest.raises(JobError) as raised:
        removal.verify_removal(model, smaller, trace, keep)
    assert re.fullmatch(
        r"without the removed channels the output logits differs by 0\.\d+ of the largest value; "
        r"this is a bug in prune_channels: report it, and leave the stage out",
        str(raised.value),
    )


@pytest.mark.parametrize(
    ("fraction", "kept"), [(0.0, 100), (0.29, 71), (0.299, 71), (0.5, 50), (0.999, 1)]
)
def test_the_fraction_is_rounded_down_and_one_channel_stays(fraction: float, kept: int) -> None:
    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.Input((4,)), layers.Dense(100), layers.Dense(2)])
    trace = walk.follow(model)

    keep = rank.choose(trace, rank.find_groups(trace), fraction, "l2")

    assert removal.remove_channels(model, trace, keep).layers[0].units == kept


@pytest.mark.parametrize(("criterion", "removed"), [("l1", 2), ("l2", 0), ("batch_norm", 1)])
def test_each_criterion_has_its_own_ranking(criterion: Any, removed: int) -> None:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [layers.Input((2,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)]
    )
    kernel = np.array([[3.0, 5.0, 4.9], [3.0, 0.5, 0.0]])
    model.layers[0].set_weights([kernel, np.zeros(3)])
    model.layers[1].gamma.assign([-2.0, 0.1, 1.0])
    trace = walk.follow(model)

    keep = rank.choose(trace, rank.find_groups(trace), 0.4, criterion)

    assert np.flatnonzero(~keep[trace.makers[model.layers[0].name].channels]) == [removed]


def run(output: Path, model: Source, **stage: Any) -> Any:
    """Run the stage on the digits, and return the model that it wrote."""
    output.mkdir()
    samples = Data(train=CallSource(call="example_project.data:train"))
    made = job(model, PruneChannels(**stage), None, samples)
    run_stage(made, output, no_progress)
    return tf_keras.models.load_model(output / "model.keras", compile=False)


def accuracy(model: Any) -> float:
    x, y = data.test()
    return float(np.mean(np.argmax(model.predict(x, verbose=0), axis=-1) == y))


def skipped(output: Path) -> Any:
    return json.loads((output / "layers.json").read_text())["skipped"]


def test_a_trained_model_is_cut_and_fine_tuned(digits: FileSource, tmp_path: Path) -> None:
    model = run(tmp_path / "out", digits, fraction=0.5, epochs=3)

    shapes = [tuple(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel")]
    assert shapes == [(3, 3, 1, 8), (3, 3, 8, 8), (32, 16), (16, 10)]
    assert accuracy(model) > 0.93
    assert json.loads((tmp_path / "out" / "layers.json").read_text())["chosen"] == [
        "conv_0",
        "conv_1",
        "dense",
    ]
    assert skipped(tmp_path / "out")["digit"] == "it makes an output of the model"


def test_skipped_layers_keep_their_channels(digits: FileSource, tmp_path: Path) -> None:
    layers = LayerSelection(skip=("conv_*",))

    model = run(tmp_path / "out", digits, fraction=0.5, epochs=1, layers=layers)

    assert [model.get_layer(name).filters for name in ("conv_0", "conv_1")] == [16, 16]
    assert model.get_layer("dense").units == 16
    assert skipped(tmp_path / "out")["conv_0"] == "in layers: skip"


def fails(output: Path, model: Source, **stage: Any) -> str:
    with pytest.raises(JobError) as raised:
        run(output, model, **stage)
    return str(raised.value)


def test_a_layer_asked_for_that_cannot_be_cut(digits: FileSource, tmp_path: Path) -> None:
    only = LayerSelection(only=("conv_0", "digit"))
    assert fails(tmp_path / "1", digits, layers=only) == (
        "layers: every layer that matches 'digit' is unsupported: "
        "it makes an output of the model (digit); remove it from layers: only"
    )
    dense = LayerSelection(only=("dense",))
    assert fails(tmp_path / "2", digits, criterion="batch_norm", layers=dense) == (
        "layers: every layer that matches 'dense' is unsupported: "
        "no BatchNormalization with a scale follows it (dense); "
        "remove it from layers: only"
    )
    convolutions = LayerSelection(only=("conv_*",))
    assert fails(tmp_path / "3", digits, fraction=0.05, layers=convolutions) == (
        "layers: every layer that matches 'conv_*' is unsupported: "
        "fraction 0.05 of 16 channels is less than one channel (conv_0, conv_1); "
        "remove it from layers: only"
    )


def test_a_layer_tied_to_a_skipped_one(tmp_path: Path) -> None:
    source = CallSource(call="tests.workers.compress.graphs:residual_digits")

    assert fails(tmp_path / "1", source, layers=LayerSelection(only=("stem",))) == (
        "layers: every layer that matches 'stem' is unsupported: "
        "its channels are tied to those of skipped layers: conv (stem); "
        "remove it from layers: only"
    )


def test_what_cannot_be_followed_keeps_its_channels_and_says_why() -> None:
    model = graphs.untraceable()
    trace = walk.follow(model)

    reasons = {layer.name: rank.why_whole(trace, layer, "l1") for layer in model.layers}

    assert {name: reason for name, reason in reasons.items() if name in trace.makers} == {
        "free": None,
        "before_lambda": "scaled (Lambda) needs all of its channels",
        "before_norm": "norm (LayerNormalization) needs all of its channels",
        "softmax": "the activation of softmax needs all of its channels",
        "added_to_the_image": "it is merged with an input of the model",
        "before_gate": "gated (Multiply) needs all of its channels",
        "gate": "gated (Multiply) needs all of its channels",
        "before_nested": "nested (Functional) needs all of its channels",
        "before_lstm": "lstm (LSTM) needs all of its channels",
        "score": "it makes an output of the model",
    }
    assert reasons["grouped"] == "its filters or units cannot be traced through the model"
    assert reasons["lstm"] == "LSTM has no filters or units that can be removed"
    keep = rank.choose(trace, rank.find_groups(trace), 0.5, "l1")
    smaller = removal.remove_channels(model, trace, keep)
    removal.verify_removal(model, smaller, trace, keep)
    assert smaller.get_layer("free").filters == 2
