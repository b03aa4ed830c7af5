from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pytest_modelbudget.budgetfile.stages import Convert, Quantize
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.convert import sparse_encoding
from pytest_modelbudget.workers.compress.convert.sparse_encoding import encode_sparse
from pytest_modelbudget.workers.compress.verify.sparse_outputs import verify_sparse_outputs
from pytest_modelbudget.workers.tflite.tflite_file import operator_name, pack, parse
from pytest_modelbudget.workers.tflite.weights import read_weights
from tests.workers.compress import zoo
from tests.workers.compress.building import RESOLVERS, call, invoke, make
from tests.workers.flatbuffers import BLOBS, CLASSIFY, WIDEN, store, structure_of

WEIGHTS = arrays.arrays(np.float32, (64, 16), elements=st.sampled_from([0, 0, 0, 0, 0.5, -2]))
needs_tensorflow = pytest.mark.tensorflow
quiet = pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning")


def widened(kernel: Any) -> bytes:
    """BLOBS with this kernel of shape (64, 16), and no zeros in the other."""
    model = flatbuffer_utils.read_model_with_mutable_tensors(str(BLOBS))
    store(model, CLASSIFY, np.arange(1, 257, dtype=np.float32))
    store(model, WIDEN, kernel)
    return pack(model)


def weights(model: bytes) -> list[Any]:
    return [weight.values for weight in read_weights(parse(model))]


@given(kernel=WEIGHTS, rows=st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_what_is_read_back_is_what_was_there(kernel: Any, rows: int) -> None:
    kernel[rows:] = 0
    kernel[0, 0] = 1
    dense = widened(kernel)
    try:
        sparse = encode_sparse(dense)
    except JobError:
        assert (kernel == 0).mean() < 0.5
        return
    assert len(sparse) < len(dense)
    for before, after in zip(weights(dense), weights(sparse), strict=True):
        np.testing.assert_array_equal(before, after)
    x = {"x": np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)}
    for resolver in RESOLVERS:
        expected, found = invoke(dense, x, resolver), invoke(sparse, x, resolver)
        np.testing.assert_array_equal(list(expected.values()), list(found.values()))


def test_zeros_in_blocks_take_less() -> None:
    scattered, blocks = np.zeros((64, 16), np.float32), np.zeros((64, 16), np.float32)
    scattered[:, ::4], blocks[:, :4] = 1, 1
    assert len(encode_sparse(widened(blocks))) < len(encode_sparse(widened(scattered))) - 100


def test_a_dense_model_is_not_shipped_as_sparse() -> None:
    kernel = np.ones((64, 16), np.float32)
    kernel[:, 0] = 0
    with pytest.raises(JobError) as raised:
        encode_sparse(widened(kernel))
    assert str(raised.value) == (
        "too few zeros for sparse encoding: the sparsest kernel has 6% zeros; prune first"
    )


def test_a_sparse_model_of_the_user_cannot_be_quantized(tmp_path: Path) -> None:
    sparse = tmp_path / "model.tflite"
    sparse.write_bytes(encode_sparse(widened(np.eye(64, 16, dtype=np.float32))))
    with pytest.raises(JobError) as raised:
        make(tmp_path / "out", sparse, Quantize(scheme="float16"), tmp_path)
    assert str(raised.value) == (
        "the LiteRT quantizer cannot read sparse encoding; "
        "start from a dense model, and write convert: {sparse: true} before quantize"
    )


def test_other_numbers_than_before_are_refused() -> None:
    before = widened(np.ones((64, 16), np.float32))
    verify_sparse_outputs(before, before)
    with pytest.raises(JobError) as raised:
        verify_sparse_outputs(before, widened(np.zeros((64, 16), np.float32)))
    assert str(raised.value) == (
        "sparse encoding changes the outputs of the model in LiteRT with XNNPACK, by 1 of the "
        "largest value; leave out convert: {sparse: true}"
    )


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model whose kernels are 80 % zeros."""
    folder = tmp_path_factory.mktemp("pruned")
    make(folder, call("separable"))
    model = flatbuffer_utils.read_model_with_mutable_tensors(str(folder / "model.tflite"))
    random = np.random.default_rng(0)
    for index in kernels(model):
        tensor = model.subgraphs[0].tensors[index]
        kernel = random.normal(size=tensor.shape) * (random.random(tensor.shape) > 0.8)
        store(model, index, kernel.astype(np.float32))
    flatbuffer_utils.write_model(model, str(folder / "model.tflite"))
    return folder


def kernels(model: Any) -> Iterator[int]:
    for operator in model.subgraphs[0].operators:
        if operator_name(model, operator) in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            yield operator.inputs[1]


def quantized(output: Path, pruned: Path, **stage: Any) -> bytes:
    samples = call("images", shape=[8, 8, 16])
    return make(output, call("separable"), Quantize(**stage), pruned, samples)


@needs_tensorflow
@quiet
@pytest.mark.parametrize(
    ("stage", "encoded"),
    [
        ({}, 5),
        ({"scheme": "float16"}, 5),
        ({"scheme": "int8"}, 2),
        ({"scheme": "int8", "io": "int8"}, 2),
        ({"scheme": "int16x8"}, 4),
    ],
)
def test_every_kernel_computes_as_before(
    stage: dict[str, Any], encoded: int, pruned: Path, tmp_path: Path
) -> None:
    parent = pruned
    if stage:
        parent = tmp_path / "quantized"
        quantized(parent, pruned, **stage)
    dense = (parent / "model.tflite").read_bytes()
    sparse = make(tmp_path / "sparse", call("separable"), Convert(sparse=True), parent)

    tensors = parse(sparse).subgraphs[0].tensors
    assert sum(tensor.sparsity is not None for tensor in tensors) == encoded
    before, after = (
        structure_of(parent / "model.tflite"),
        structure_of(tmp_path / "sparse/model.tflite"),
    )
    assert after.operators == tuple(sorted({*before.operators, "DENSIFY"}))
    assert (after.sparsity, after.weights, after.macs) == (
        before.sparsity,
        before.weights,
        before.macs,
    )
    for count in (1, 7):
        images = {"image": zoo.images(shape=(8, 8, 16))[0][:count]}
        for resolver in RESOLVERS:
            expected, found = invoke(dense, images, resolver), invoke(sparse, images, resolver)
            np.testing.assert_array_equal(expected["class"], found["class"])


@needs_tensorflow
def test_what_litert_cannot_run_is_not_encoded(pruned: Path, tmp_path: Path) -> None:
    quantized(tmp_path / "dynamic", pruned, scheme="dynamic")
    with pytest.raises(JobError) as raised:
        make(tmp_path / "out", call("separable"), Convert(sparse=True), tmp_path / "dynamic")
    assert str(raised.value) == (
        "LiteRT cannot run any kernel of this model in sparse encoding; "
        "quantize to float16 or int16x8, or leave it float32"
    )


@needs_tensorflow
def test_what_litert_cannot_run_is_still_what_it_cannot_run(
    pruned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this fails, LiteRT supports it, and ``_runs`` can allow it."""
    dense = quantized(tmp_path, pruned, scheme="dynamic")
    monkeypatch.setattr(sparse_encoding, "_runs", lambda *_: True)
    with pytest.raises(JobError) as raised:
        verify_sparse_outputs(dense, encode_sparse(dense))
    assert str(raised.value).startswith(
        "the sparse model does not run in LiteRT with XNNPACK: failed to delegate"
    )
