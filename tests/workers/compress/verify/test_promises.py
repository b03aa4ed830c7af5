from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.budgetfile.stages import Cluster, Convert, Distill, Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.training.sparsity_target import SparsityTarget
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.artifact import find_kernels
from pytest_modelbudget.workers.compress.verify.promises import (
    FewValues,
    Promise,
    StoredKernel,
    Zeros,
    verify_promises,
)
from pytest_modelbudget.workers.tflite.layers import LayerOperator
from pytest_modelbudget.workers.userdata.datasets import Array
from tests.workers.compress.trainees import call, job
from tests.workers.flatbuffers import add, emptied, tensor

HINT = "leave the layer out of {} with layers: skip, or report it with the log"
PRUNED = Zeros(target=SparsityTarget(0.8))
CLUSTERED = FewValues(clusters=4, per_channel=False)


def promise(kept: Any, layer: str = "dense", shape: tuple[int, ...] = (10, 10)) -> Promise:
    stage = "prune" if isinstance(kept, Zeros) else "cluster"
    return Promise(stage=stage, layer=layer, shape=shape, kept=kept)


def kernel(values: Array, *layers: str, scaled_axis: int | None = None) -> StoredKernel:
    return StoredKernel(layers, values, values == 0, scaled_axis, values.ndim - 1)


def zeros(share: float, shape: tuple[int, ...] = (10, 10)) -> Array:
    values = np.arange(1.0, 1 + np.prod(shape))
    values[: round(share * values.size)] = 0
    return values.reshape(shape)


def broken(kept: Sequence[Promise], *kernels: StoredKernel) -> str:
    with pytest.raises(JobError) as raised:
        verify_promises(kept, kernels)
    return str(raised.value)


def test_a_kernel_that_keeps_its_promise() -> None:
    verify_promises([promise(PRUNED)], [kernel(zeros(0.8), "dense"), kernel(zeros(0), "other")])
    verify_promises([promise(PRUNED)], [kernel(zeros(0.9), "dense")])


def test_a_dense_model_that_is_shipped_as_sparse() -> None:
    message = broken([promise(PRUNED)], kernel(zeros(0.12), "dense"))

    assert message == (
        "prune: layer dense has sparsity 0.12 in the .tflite, not the 0.80 it was pruned to; "
        + HINT.format("prune")
    )


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (SparsityTarget(0.8, block=(1, 5)), "sparsity 0.50 in blocks [1, 5]"),
        (SparsityTarget(0.4, pattern=(2, 5)), "sparsity 0.32 in the pattern 2:5"),
    ],
)
def test_zeros_in_the_wrong_places(target: SparsityTarget, found: str) -> None:
    values = zeros(0).reshape(10, 2, 5)
    values[:, 1] = 0
    values[:, 0, 1:4] = 0
    message = broken([promise(Zeros(target=target))], kernel(values.reshape(10, 10), "dense"))

    assert message.startswith(f"prune: layer dense has {found} in the .tflite, not the 0.")


def test_lost_clusters() -> None:
    message = broken([promise(CLUSTERED)], kernel(zeros(0.5), "dense"))

    assert message == (
        "cluster: layer dense has 51 unique values in the .tflite, not the 4 it was clustered to; "
        + HINT.format("cluster")
    )


def test_values_count_within_a_channel_where_each_has_a_scale_of_its_own() -> None:
    values = np.arange(10.0) * np.arange(1, 5)[np.arange(10) % 4][:, np.newaxis]
    verify_promises([promise(CLUSTERED)], [kernel(values, "dense", scaled_axis=1)])
    verify_promises([promise(FewValues(clusters=4, per_channel=True))], [kernel(values, "dense")])
    message = broken([promise(CLUSTERED)], kernel(values, "dense", scaled_axis=0))

    assert "has 10 unique values in an output channel in the .tflite" in message


def test_a_kernel_without_a_name_counts_by_its_shape() -> None:
    verify_promises([promise(PRUNED)], [kernel(zeros(0.1)), kernel(zeros(0.8))])
    assert "sparsity 0.10" in broken([promise(PRUNED)], kernel(zeros(0.1)))


def test_a_kernel_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    both = [promise(PRUNED), promise(PRUNED, "folded", (3, 3))]
    verify_promises(both, [kernel(zeros(0.8), "dense"), kernel(zeros(0, (3, 3)), "other")])

    assert capsys.readouterr().err == "prune: the .tflite has no kernel of layer folded\n"


def test_a_stage_of_which_nothing_is_left() -> None:
    message = broken([promise(PRUNED)], kernel(zeros(0.8, (3, 3)), "dense"))

    assert message == (
        "prune: the .tflite has none of the layers that this stage changed; "
        "put prune after the stage that replaces the layers"
    )


def test_promises_are_carried_on_until_a_network_begins_anew(tmp_path: Path) -> None:
    for name in ("prune", "cluster", "convert", "distill"):
        (tmp_path / name).mkdir()
    promises.write_promises([promise(PRUNED)], tmp_path / "prune")
    promises.write_promises([promise(CLUSTERED)], tmp_path / "cluster")
    for stage, parent in (
        (Prune(), None),
        (Cluster(), "prune"),
        (Convert(), "cluster"),
        (Distill(student="a:b"), "cluster"),
    ):
        folder = tmp_path / parent if parent else None
        promises.carry(job(stage, call("cnn"), parent=folder), tmp_path / stage.kind)

    assert promises.read_promises(tmp_path / "prune") == (promise(PRUNED),)
    for name in ("cluster", "convert"):
        assert promises.read_promises(tmp_path / name) == (promise(PRUNED), promise(CLUSTERED))
    assert promises.read_promises(tmp_path / "distill") == ()


@given(
    kind=st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"]),
    seed=st.integers(0, 99),
)
def test_kernels_have_the_axes_of_keras_again(kind: str, seed: int) -> None:
    keras: Array = np.random.default_rng(seed).integers(0, 2, (2, 3, 4, 5)).astype(np.float32)
    stored: Array
    if kind == "FULLY_CONNECTED":
        keras = keras.reshape(6, 20)
        stored = keras.T
    elif kind == "DEPTHWISE_CONV_2D":
        stored = keras.reshape(1, 2, 3, 20)
    else:
        stored = np.moveaxis(keras, 3 if kind == "CONV_2D" else 2, 0)
    shape = stored.shape
    model = flatbuffer_utils.schema_fb.ModelT()
    model.operatorCodes, model.buffers = [], [flatbuffer_utils.BufferT() for _ in range(2)]
    model.subgraphs = [flatbuffer_utils.SubGraphT()]
    emptied(model, tensor((1,)), tensor(shape), tensor((1,)))
    model.subgraphs[0].tensors[1].buffer = 1
    model.buffers[1].data = np.frombuffer(stored.tobytes(), np.uint8)
    add(model, kind, [0, 1], 2)
    operators = [LayerOperator(kind, ("made",), ("layer",), (), ("layer",))]

    (found,) = find_kernels(model, operators)

    assert found.layers == ("layer",)
    np.testing.assert_array_equal(found.is_zero.reshape(keras.shape), keras == 0)
