"""Architectures beyond a chain of convolutions: each is pruned, clustered and quantized once."""

from pathlib import Path

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.stages import Cluster, Prune, QuantizeAware
from pytest_modelbudget.workers.compress.training import trainable
from tests.workers.compress.stages.test_apply_cluster import unique_values
from tests.workers.compress.stages.test_apply_prune import skipped, sparsities
from tests.workers.compress.stages.test_apply_quantize_aware import convert, run, weights
from tests.workers.compress.trainees import call

pytestmark = pytest.mark.tensorflow
DATA = {"two_sides": "pairs", "lstm": "tokens"}
PRUNED = {
    "two_sides": {"other/kernel", "shared/kernel", "conv/kernel", "logits/kernel"},
    "lstm": {
        "embedding/embeddings",
        "lstm/lstm_cell/kernel",
        "lstm/lstm_cell/recurrent_kernel",
        "class/kernel",
    },
}
NOT_PRUNED = {
    "two_sides": {"mix": "too small: with 25 weights, the sparsity nearest to 0.50 is 0.52"},
    "lstm": {"both": "pruning does not support Bidirectional"},
}
NOT_QUANTIZED = {
    "two_sides": {"shared": "a Dense layer on more than two axes, which stays float in LiteRT"},
    "lstm": {
        "embedding": "quantization-aware training does not support Embedding",
        "both": "quantization-aware training does not support Bidirectional",
        "lstm": "quantization-aware training does not support LSTM",
    },
}
# The shares of zeros in the integer kernels of the ``.tflite``.
ZEROS = {"two_sides": [0, 0.5, 0.5, 0.5], "lstm": [0.5]}


@pytest.mark.parametrize("name", DATA)
def test_any_architecture_goes_through_the_whole_chain(name: str, tmp_path: Path) -> None:
    stages = (Prune(sparsity=0.5, epochs=1), Cluster(clusters=4), QuantizeAware())
    source, train = call(name), call(DATA[name])
    pruned, clustered, quantized = (
        run(tmp_path, source, *stages[:count], train=train) for count in (1, 2, 3)
    )

    shares = sparsities(trainable.load(pruned).model)
    assert {kernel: share for kernel, share in shares.items() if share} == dict.fromkeys(
        PRUNED[name], 0.5
    )
    assert skipped(pruned) == NOT_PRUNED[name]
    counts = unique_values(trainable.load(clustered).model)
    assert {kernel: count for kernel, count in counts.items() if "bias" not in kernel} == {
        kernel: 4 if kernel in PRUNED[name] else 3  # and zero, which it does not have
        for kernel in shares
        if "bias" not in kernel
    }
    assert skipped(clustered) == {}
    assert skipped(quantized) == NOT_QUANTIZED[name]
    stored = weights(convert(quantized)).values()
    zeros = [float((values == 0).mean()) for values in stored if values.dtype == np.int8]
    assert sorted(zeros) == ZEROS[name]
