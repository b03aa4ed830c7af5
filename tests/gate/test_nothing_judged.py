"""A limit that would be judged on nothing is an error with its line, or unmeasured."""

import shutil
from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.conftest import Project, outcomes
from tests.workers.flatbuffers import BLOBS, add, edited, emptied, tensor

DRAWN = """
import random
import time
from pathlib import Path

import blobs
import numpy as np

Path("calls").open("a").write(".")
X, Y = blobs.samples(4000, seed=1)
ROWS = {rows}

def test():
    rows = {again}
    return X[rows], Y[rows]
"""
MIN = """
version: 1
model: blobs.tflite
data: {test: data:test}
budget: {min_accuracy: 0.5}
"""
OTHER = (
    "min_accuracy could not be measured: data:test returned other samples when it was called "
    "again; return the same samples each time, for example with a seed, or name what they depend "
    "on in depends_on"
)
NUMPY_GLOBAL = "np.random.permutation(4000)[:400]"
DRAWS = [
    ("None", "np.random.default_rng().permutation(4000)[:400]"),
    ("None", NUMPY_GLOBAL),
    (NUMPY_GLOBAL, "ROWS"),
    ("random.sample(range(4000), 400)", "ROWS"),
    ("None", "slice(0, 400 + time.time_ns() % 1000)"),
]


def with_variants(values: Sequence[str]) -> str:
    """Return a budget with a variant for each value of a key, such as ``metric: own:score``."""
    lines = [f"  v{number}: {{{value}}}\n" for number, value in enumerate(values)]
    return MIN.replace("data:test", "blobs:test") + "variants:\n" + "".join(lines)


def test_a_metric_that_draws_anew_is_never_judged(built: Project) -> None:
    built.write(
        "own.py",
        """
        import numpy as np

        def old(y, p):
            return 0.5 + np.random.rand() / 2

        def new(y, p):
            return 0.5 + np.random.default_rng().random() / 2
        """,
    )
    names = ("own:old", "own:new")
    built.write("blobs.budget.yaml", with_variants([f"metric: '{name}'" for name in names]))
    for _ in range(2):
        result = built.pytest()
        assert result.exitcode == 1
        for name in names:
            result.has(
                f"could not be measured: {name} gave 0.", " and then 0.", " for the same outputs"
            )


def test_samples_that_are_drawn_anew_are_never_judged(built: Project) -> None:
    names = [f"draw_{number}" for number in range(len(DRAWS))]
    for name, (rows, again) in zip(names, DRAWS, strict=True):
        built.write(f"{name}.py", DRAWN.format(rows=rows, again=again))
    data = [f"data: {{test: '{name}:test'}}" for name in names]
    built.write("blobs.budget.yaml", with_variants(data))
    for options, drawn in (((), names), (("-n1", "-k", "v1"), names[1:2])):
        result = built.pytest(*options)
        assert result.exitcode == 1
        for name in drawn:
            result.has(OTHER.replace("data:test", f"{name}:test"))


def test_a_model_and_its_baseline_get_the_same_samples(built: Project) -> None:
    built.write("data.py", DRAWN.format(rows="None", again=NUMPY_GLOBAL))
    built.write(
        "blobs.budget.yaml",
        MIN.replace("min_accuracy: 0.5", "max_accuracy_drop: 40 pp") + "recipe: dynamic\n",
    )
    result = built.pytest()
    assert result.exitcode == 1
    result.has(
        "max_accuracy_drop could not be measured: data.test returned other samples for the "
        "baseline than for the model\nreturn the same samples each time, for example with a seed\n"
    )
    assert (built.root / "calls").read_text() == "..", "the baseline is the second reader"


def test_two_files_with_the_same_bytes_share_one_reading_which_is_not_enough(
    built: Project,
) -> None:
    shutil.copy(BLOBS, built.root / "same.tflite")
    built.write("data.py", DRAWN.format(rows="None", again=NUMPY_GLOBAL))
    limits = MIN.replace("min_accuracy: 0.5", "min_accuracy: 0.5, max_accuracy_drop: 40 pp")
    built.write("blobs.budget.yaml", limits + "baseline: same.tflite\n")
    result = built.pytest()
    assert result.exitcode == 1
    result.has(OTHER, OTHER.replace("min_accuracy", "max_accuracy_drop"))


def test_samples_are_read_again_once_and_not_in_the_next_session(built: Project) -> None:
    seeded = "np.random.default_rng(5).permutation(4000)[:400]"
    built.write("data.py", DRAWN.format(rows="None", again=seeded))
    built.write("blobs.budget.yaml", MIN)
    assert built.pytest().exitcode == 0
    assert (built.root / "calls").read_text() == ".."
    assert built.pytest().exitcode == 0
    assert (built.root / "calls").read_text() == ".."


def test_the_same_samples_in_another_order_are_the_same(built: Project) -> None:
    built.write("data.py", DRAWN.format(rows="None", again="np.random.permutation(4000)"))
    built.write("blobs.budget.yaml", MIN)
    assert built.pytest().exitcode == 0


def test_a_file_is_not_read_twice(blobs: Project) -> None:
    x = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
    np.savez(blobs.root / "test.npz", x=x, y=np.zeros(50, np.int64))
    blobs.write("blobs.budget.yaml", MIN.replace("data:test", "test.npz").replace("0.5", "0.001"))
    assert blobs.pytest().exitcode == 0
    entries = (blobs.root / ".modelbudget" / "entries").glob("*/*/*")
    assert len(list(entries)) == 3, "artifact, score and its interval"


def test_no_model_can_be_its_own_baseline(blobs: Project) -> None:
    blobs.write(
        "blobs.budget.yaml",
        """
        version: 1
        model: blobs.tflite
        data: {test: blobs:test}
        variants:
          float32: {budget: {max_accuracy_drop: 1 pp, max_bytes: 7 kB}}
          empty: {recipe: [], budget: {max_relative_accuracy_drop: 1%}}
          converted: {recipe: [convert: {}], budget: {max_accuracy_drop: 1 pp}}
          named: {baseline: blobs.tflite, budget: {max_accuracy_drop: 1 pp}}
          ratio: {budget: {max_latency_ratio: 1.05}}
          keras: {model: net.keras, recipe: float32, budget: {max_accuracy_drop: 1 pp}}
          served: {model: net.keras, recipe: [saved_model], budget: {max_accuracy_drop: 1 pp}}
          called: {model: "blobs:test", recipe: [], budget: {max_accuracy_drop: 1 pp}}
          int8: {recipe: dynamic, budget: {max_accuracy_drop: 1 pp}}
          fixed: {baseline: {accuracy: 0.97}, budget: {max_accuracy_drop: 1 pp}}
          other: {model: net.keras, baseline: blobs.tflite, budget: {max_accuracy_drop: 1 pp}}
          half:
            model: net.keras
            recipe: [saved_model: {weights: float16}]
            budget: {max_accuracy_drop: 1 pp}
        """,
    )
    blobs.write("net.keras", "")
    result = blobs.pytest()
    assert result.exitcode == 2
    text = (
        "would be compared with itself, because its recipe changes nothing; leave the limit out, "
        "or write a recipe, or baseline: with the path of another .tflite or {accuracy: 0.98}"
    )
    places = [
        "5:22: variants > float32 > budget > max_accuracy_drop: variant float32: blobs.tflite",
        "6:32: variants > empty > budget > max_relative_accuracy_drop: variant empty: blobs.tflite",
        "7:47: variants > converted > budget > max_accuracy_drop: variant converted: blobs.tflite",
        "8:44: variants > named > budget > max_accuracy_drop: variant named: blobs.tflite",
        "9:20: variants > ratio > budget > max_latency_ratio: variant ratio: blobs.tflite",
        "10:55: variants > keras > budget > max_accuracy_drop: variant keras: net.keras",
        "11:62: variants > served > budget > max_accuracy_drop: variant served: net.keras",
        "12:54: variants > called > budget > max_accuracy_drop: variant called: blobs:test",
    ]
    found = [line for line in result.output.splitlines() if "with itself" in line]
    assert found == [f"blobs.budget.yaml:{place} {text}" for place in places]


def test_top_k_of_all_classes_is_unmeasured(built: Project) -> None:
    built.write(
        "blobs.budget.yaml",
        MIN.replace("data:test", "blobs:test") + "metric: {top_k_accuracy: {k: 4}}\n",
    )
    result = built.pytest()
    assert result.exitcode == 1
    result.has(
        "min_accuracy could not be measured: top_k_accuracy with k: 4 is always 1, because the "
        "model has 4 classes\nwrite a smaller k\n"
    )


def relu(model: schema.ModelT) -> None:
    emptied(model, tensor((1, 4)), tensor((1, 4)))
    add(model, "RELU", [0], 1)


def nothing(model: schema.ModelT) -> None:
    graph = emptied(model, tensor((1, 4)), tensor((1, 4)))
    graph.inputs, graph.outputs = [0], [0]


EMPTY = """
version: 1
model: relu.tflite
variants:
  relu: {budget: {max_unique_weights: 16, max_macs: 1 M, min_sparsity: 0.5, max_bytes: 7 kB}}
  nothing: {model: nothing.tflite, budget: {integer_only: true, allowed_ops: [ADD]}}
"""


def test_what_is_not_in_the_file_is_unmeasured(built: Project) -> None:
    for edit in (relu, nothing):
        shutil.copy(BLOBS, built.root / f"{edit.__name__}.tflite")
        edited(built.root / f"{edit.__name__}.tflite", edit)
    built.write("blobs.budget.yaml", EMPTY)
    result = built.pytest("-v")
    assert outcomes(result.output) == {
        "blobs.budget.yaml::relu::max_unique_weights": "FAILED",
        "blobs.budget.yaml::relu::max_macs": "FAILED",
        "blobs.budget.yaml::relu::min_sparsity": "FAILED",
        "blobs.budget.yaml::relu::max_bytes": "PASSED",
        "blobs.budget.yaml::nothing::integer_only": "FAILED",
        "blobs.budget.yaml::nothing::allowed_ops": "FAILED",
    }
    result.has(
        "max_unique_weights could not be measured: the .tflite has no weights",
        "max_macs could not be measured: the graph has no multiply-accumulates: no convolution, "
        "fully connected or recurrent layer and no matrix product",
        "min_sparsity could not be measured: the .tflite has no weights",
        "integer_only could not be measured: the .tflite has no operators",
        "allowed_ops could not be measured: the .tflite has no operators",
    )


def test_a_file_with_several_signatures_is_an_error_that_lists_them(blobs: Project) -> None:
    def twice(model: schema.ModelT) -> None:
        first = model.signatureDefs[0]
        second = schema.SignatureDefT()
        second.signatureKey = b"embed"
        second.inputs, second.outputs = first.inputs, first.outputs
        second.subgraphIndex = first.subgraphIndex
        model.signatureDefs.append(second)

    shutil.copy(BLOBS, blobs.root / "one.tflite")
    edited(blobs.root / "blobs.tflite", twice)
    result = blobs.pytest()
    assert result.exitcode == 1
    result.has(
        "blobs.tflite has 2 signatures: serving_default, embed\n",
        "write signature: with the one to gate",
    )
    assert "passed" not in result.output
