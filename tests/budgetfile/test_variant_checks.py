from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.load import load
from tests.budgetfile.conftest import Load, Problems

TABLE = [
    (
        "model: m:f\nbaseline: {accuracy: 0.9}\nbudget: {max_latency_ratio: 0.5}\n",
        [
            "4:10: budget > max_latency_ratio: the baseline is an accuracy, which has no latency "
            "to compare with; leave baseline out, or write the path of a .tflite",
        ],
    ),
    (
        "model: m:f\n"
        "latency: {target: {command: [board, '{model}']}}\n"
        "budget: {max_latency_ratio: 0.5}\n",
        [
            "4:10: budget > max_latency_ratio: a ratio is only measured on the host, not on "
            "board {model}; write latency: {target: host}",
        ],
    ),
    (
        "model: m:f\nlatency: {target: adb, threads: 2}\nbudget: {max_instructions: 5 k}\n",
        [
            "4:10: budget > max_instructions: instructions are only counted on the host, not on "
            "adb; write latency: {target: host}",
            "4:10: budget > max_instructions: instructions are counted with one thread, and "
            "latency.threads is 2; write latency: {threads: 1}, or give the limit a variant of "
            "its own",
        ],
    ),
    (
        "model: m:f\ndata: {test: m:t}\nmetric: auc\nbaseline: {accuracy: 0.3}\n"
        "budget: {max_accuracy_drop: 0.3}\n",
        [
            "6:29: budget > max_accuracy_drop: no drop can exceed 30 pp, because the baseline's "
            "auc is at most 0.3; write 0.3 pp for percentage points",
        ],
    ),
    (
        "model: m.tflite\ndata: {test: m:t}\nrecipe: int9\nbudget: {max_accuracy_drop: 1 pp}\n",
        [
            "4:9: recipe: unknown preset 'int9'; did you mean 'int8'?",
        ],
    ),
    (
        "recipe: int8\nbudget: {max_bytes: 5}\n",
        [
            "1:1: model is missing; write model: package.module:callable, or a path",
            "2:1: recipe > int8 > quantize: needs samples, and both "
            "data.calibration and data.train are missing; write data: {calibration: ...}",
        ],
    ),
    (
        "model: m:f\n",
        [
            "1:1: there is no limit; write at least one under budget:, such as max_bytes: 900 KiB",
        ],
    ),
    (
        "model: m:f\nbudget: 5\n",
        [
            "3:9: budget: expected a mapping, got 5; write keys such as max_bytes, "
            "max_gzip_bytes, max_accuracy_drop",
        ],
    ),
    (
        "model: m:f\nbudget: {max_accuracy_drop: 1%}\n",
        [
            "3:10: budget > max_accuracy_drop: it is judged on data.test, which is missing; "
            "write data: {test: ...}",
            "3:29: budget > max_accuracy_drop: a drop is absolute, got '1%'; write 1 pp for "
            "points of 100; a share goes into max_relative_accuracy_drop",
        ],
    ),
    (
        "model: m:f\nlatency: {target: ethos-u55-128, threads: two}\nbudget: {max_latency: 5 ms}\n",
        [
            "3:43: latency > threads: expected a whole number, got 'two'",
        ],
    ),
    (
        "model: m:f\ndata: {test: m:t}\nmetric: mse\nbudget: {max_accuracy_drop: 0.5 pp}\n",
        [
            "5:29: budget > max_accuracy_drop: points only make sense for a metric between 0 "
            "and 1, not for mse; write the drop in the metric's own units, such as 0.005",
        ],
    ),
    (
        "model: m:f\nmax_bytes: 5\n",
        [
            "3:1: unknown key 'max_bytes'; write it under budget:",
        ],
    ),
    (
        "data: {model: m:f}\nbudget: {max_bytes: 5}\n",
        [
            "2:8: data: unknown key 'model'; write it outside data:",
        ],
    ),
    (
        "model: m:f\ndata: 5\nbudget: {max_accuracy_drop: 1 pp}\n",
        [
            "3:7: data: expected a mapping, got 5; write keys such as train, test, calibration",
        ],
    ),
    (
        "model: m:f\nbudget: {}\nvariants: {a: {}, b: {budget: {}}}\n",
        [
            "3:1: budget: there is no limit; write at least one under budget:, such as "
            "max_bytes: 900 KiB",
            "4:23: variants > b > budget: there is no limit; write at least one under budget:, "
            "such as max_bytes: 900 KiB",
        ],
    ),
    (
        "model: m:f\n"
        "data: {test: m:t}\n"
        "metric: {top_k_accuracy: {k: 3}}\n"
        "budget: {min_accuracy: 1.5}\n",
        [
            "5:24: budget > min_accuracy: top_3_accuracy lies between 0 and 1, got 1.5; write "
            "0.015 for 1.5 percent",
        ],
    ),
    (
        "model: m:f\nbudget: {}\n",
        [
            "3:1: budget: there is no limit; write at least one under budget:, such as "
            "max_bytes: 900 KiB",
        ],
    ),
    (
        "model: m:f\nbudget: {max_accuracy_drop: 0.01, min_accuracy: 0.9}\n",
        [
            "3:10: budget > max_accuracy_drop: it is judged on data.test, which is missing; "
            "write data: {test: ...}",
            "3:35: budget > min_accuracy: it is judged on data.test, which is missing; "
            "write data: {test: ...}",
        ],
    ),
    (
        "model: m:f\ndata: {tets: m:t}\nbudget: {max_accuracy_drop: 1 pp}\n",
        [
            "3:8: data: unknown key 'tets'; did you mean 'test'?",
        ],
    ),
    (
        "model: m:f\nrecipe: prune_int8\nbudget: {max_bytes: 5}\n",
        [
            "3:1: recipe > prune_int8 > prune: trains, and data.train is missing; write "
            "data: {train: ...}",
            "3:1: recipe > prune_int8 > quantize: needs samples, and both "
            "data.calibration and data.train are missing; write data: {calibration: ...}",
        ],
    ),
    (
        "model: m:f\ndata: {train: 5}\nrecipe: prune_int8\nbudget: {max_bytes: 5}\n",
        [
            "3:15: data > train: expected package.module:callable or a path ending in .npz, got 5",
        ],
    ),
    (
        "model: m:f\n"
        "recipe: [quantize: {scheme: dynamic, layers: {dense: int8}}]\n"
        "budget: {max_bytes: 5}\n",
        [
            "3:10: recipe[0] > quantize: needs samples, and both "
            "data.calibration and data.train are missing; write data: {calibration: ...}",
        ],
    ),
    (
        "model: m.tflite\n"
        "data: {train: m:t}\n"
        "recipe: [m:stage, convert, quantize: {backend: converter}]\n"
        "budget: {max_bytes: 5}\n",
        [
            "4:10: recipe[0] > m:stage: needs a Keras model, and m.tflite is a .tflite; "
            "write the Keras model that it was converted from",
            "4:19: recipe[1] > convert: needs a Keras model, and m.tflite is a .tflite; "
            "write the Keras model that it was converted from",
            "4:28: recipe[2] > quantize: needs a Keras model, and m.tflite is a .tflite; "
            "write the Keras model that it was converted from",
        ],
    ),
    (
        "model: m.tflite\ndata: {train: m:t}\nrecipe: qat\nbudget: {max_bytes: 5}\n",
        [
            "4:1: recipe > qat > quantize_aware: needs a Keras model, and m.tflite is a "
            ".tflite; write the Keras model that it was converted from",
        ],
    ),
    (
        "model: m:f\n"
        "data: {test: m:t}\n"
        "metric: mae\n"
        "budget: {max_accuracy_drop: 0.5 pp, min_accuracy: 0.1}\n",
        [
            "5:29: budget > max_accuracy_drop: points only make sense for a metric between 0 "
            "and 1, not for mae; write the drop in the metric's own units, such as 0.005",
            "5:37: budget > min_accuracy: lower is better for mae: a minimum does not limit "
            "it; write max_accuracy_drop",
        ],
    ),
    (
        "model: m:f\n"
        "data: {test: m:t}\n"
        "metric: {call: m:f, higher_is_better: false}\n"
        "budget: {min_accuracy: 0.1}\n",
        [
            "5:10: budget > min_accuracy: lower is better for m:f: a minimum does not limit "
            "it; write max_accuracy_drop",
        ],
    ),
    (
        "recipe: prune\n"
        "budget: {max_accuracy_drop: 1 pp}\n"
        "variants:\n"
        "  a: {model: m:f}\n"
        "  b: {data: {train: m:t, test: m:t}}\n",
        [
            "2:1: recipe > prune > prune: trains, and data.train is missing; write data: "
            "{train: ...}",
            "3:10: budget > max_accuracy_drop: it is judged on data.test, which is missing; "
            "write data: {test: ...}",
            "6:3: variants > b: model is missing; write model: package.module:callable, or a path",
        ],
    ),
    (
        "model: m:f\n"
        "variants:\n"
        "  a: {budget: {max_bytes: 5}}\n"
        "  b: {recipe: [prune, cluster: {clusters: 1}]}\n"
        "  c:\n",
        [
            "5:3: variants > b: there is no limit; write at least one under budget:, "
            "such as max_bytes: 900 KiB",
            "5:16: variants > b > recipe[0] > prune: trains, and data.train is missing; "
            "write data: {train: ...}",
            "5:23: variants > b > recipe[1] > cluster: trains, and data.train is missing; "
            "write data: {train: ...}",
            "5:43: variants > b > recipe[1] > clusters: expected a number of at least 2, got 1",
            "6:3: variants > c: there is no limit; write at least one under budget:, "
            "such as max_bytes: 900 KiB",
        ],
    ),
    (
        "model: m.tflite\n"
        "seed: x\n"
        "budget: {max_byte: 5}\n"
        "variants:\n"
        "  a: {recipe: [prune: {sparsity: 2}]}\n",
        [
            "3:7: seed: expected a whole number, got 'x'",
            "4:10: budget: unknown key 'max_byte'; did you mean 'max_bytes'?",
            "6:16: variants > a > recipe[0] > prune: trains, and data.train is missing; "
            "write data: {train: ...}",
            "6:16: variants > a > recipe[0] > prune: needs a Keras model, and m.tflite is a "
            ".tflite; write the Keras model that it was converted from",
            "6:34: variants > a > recipe[0] > sparsity: expected a number below 1, got 2",
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_what_a_variant_lacks(problems: Problems, text: str, expected: list[str]) -> None:
    changed = "" if "recipe" in text or "variants" in text else "recipe: dynamic\n"
    assert problems(f"version: 1\n{text}{changed}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "latency: {target: ethos-u55-128, threads: 1}\nbudget: {max_latency: 5 ms}\n",
        "data: {test: m:t}\nbudget: {min_accuracy: 1}\n",
        "data: {test: m:t}\nmetric: mse\nbudget: {max_accuracy_drop: 1.5}\n",
        "baseline: b.tflite\nbudget: {max_latency_ratio: 0.5}\n",
    ],
)
def test_what_goes_together(load_text: Load, text: str) -> None:
    [budget] = load_text(f"version: 1\nmodel: m:f\nrecipe: dynamic\n{text}")
    assert len(budget.limits) == 1


def test_a_metric_without_bounds_has_no_largest_drop(tmp_path: Path) -> None:
    file = tmp_path / "m.budget.yaml"
    limits = "{max_accuracy_drop: 1, max_relative_accuracy_drop: 100%}"
    text = "version: 1\nmodel: m:f\ndata: {test: m:t}\nmetric: mae\nrecipe: dynamic\n"
    file.write_text(f"{text}budget: {limits}\n")
    assert len(load(file)[0].limits) == 2
