import pytest

from tests.budgetfile.conftest import Problems

HEAD = """\
version: 1
model: m:f
data: {train: m:a, test: m:b}
budget: {max_bytes: 5}
"""

KEYS = [
    (
        "modle: m:f",
        [
            "5:1: unknown key 'modle'; did you mean 'model'?",
        ],
    ),
    (
        "zzz: 1",
        [
            "5:1: unknown key 'zzz'; known are baseline, budget, confidence, data, "
            "depends_on, imports, latency, metric, model, recipe, seed, signature, "
            "timeout, training, trust_code, variants, version",
        ],
    ),
    (
        "max_bytes: 5",
        [
            "5:1: unknown key 'max_bytes'; write it under budget:",
        ],
    ),
    (
        "seed: true",
        [
            "5:7: seed: expected a whole number, got true",
        ],
    ),
    (
        "seed: -1",
        [
            "5:7: seed: expected a number of at least 0, got -1",
        ],
    ),
    (
        "seed: 1.5",
        [
            "5:7: seed: expected a whole number, got 1.5",
        ],
    ),
    (
        "seed: 99999999999999999999",
        [
            "5:7: seed: expected a whole number, got 1e+20",
        ],
    ),
    (
        "timeout: 30",
        [
            "5:10: timeout: expected a duration with its unit, got 30; write 30 ms, 30 s or 30 min",
        ],
    ),
    (
        "timeout: 30 m",
        [
            "5:10: timeout: unknown unit 'm'; write 30 ms or 30 min",
        ],
    ),
    (
        "timeout: 0 s",
        [
            "5:10: timeout: expected a duration from 1 ns to 168 h, got '0 s'",
        ],
    ),
    (
        "timeout: 400 h",
        [
            "5:10: timeout: expected a duration from 1 ns to 168 h, got '400 h'",
        ],
    ),
    (
        "timeout: half an hour",
        [
            "5:10: timeout: expected a duration such as 2 ms, got 'half an hour'",
        ],
    ),
    (
        "confidence: 95%",
        [
            "5:13: confidence: expected a number, got '95%'; write 0.95",
        ],
    ),
    (
        'confidence: "0.95"',
        [
            "5:13: confidence: expected a number, got '0.95'; write 0.95",
        ],
    ),
    (
        "confidence: 1",
        [
            "5:13: confidence: expected a number below 1, got 1",
        ],
    ),
    (
        "imports: my.layers",
        [
            "5:10: imports: expected a list, got 'my.layers'; write [my.layers]",
        ],
    ),
    (
        "imports: [my layers]",
        [
            "5:11: imports[0]: expected a module such as package.module, got 'my layers'",
        ],
    ),
    (
        "depends_on: [3]",
        [
            "5:14: depends_on[0]: expected text, got 3",
        ],
    ),
    (
        "depends_on: ['*.npz']",
        [
            "5:14: depends_on[0]: no file matches '*.npz'; correct it, or leave it out; paths are "
            "relative to this file",
        ],
    ),
    (
        "metric: acuracy",
        [
            "5:9: metric: expected a metric or package.module:callable, got 'acuracy'; did "
            "you mean 'accuracy'?",
        ],
    ),
    (
        "metric: 5",
        [
            "5:9: metric: expected a metric or package.module:callable, got 5",
        ],
    ),
    *(
        (
            f"metric: {written}",
            [
                "5:9: metric: expected a metric, got a mapping; write {top_k_accuracy: {k: 3}}, "
                "{accuracy: {output: name}} or {call: ...}",
            ],
        )
        for written in (
            "{}",
            "{higher_is_better: false}",
            "{top_k_accuracy: {k: 3}, higher_is_better: true}",
            "{top_k_accuracy: {k: 3}, call: m:f}",
            "{accuracy: {output: a}, mae: {output: b}}",
            "{accuracy: {output: a}, output: b}",
            "{output: a}",
            "{call: m:f, output: a, outputs: [a, b]}",
        )
    ),
    (
        "metric: {top_k_accuracy: {k: true}}",
        [
            "5:30: metric > top_k_accuracy > k: expected a whole number, got true",
        ],
    ),
    (
        "metric: {top_k_accuracy: {n: 3}}",
        [
            "5:26: metric > top_k_accuracy: 'k' is missing",
            "5:27: metric > top_k_accuracy: unknown key 'n'; known are k, output",
        ],
    ),
    (
        "metric: {call: metrics.mine}",
        [
            "5:16: metric > call: expected package.module:callable, got 'metrics.mine'; "
            "write metrics:mine",
        ],
    ),
    (
        "metric: {call: mine}",
        [
            "5:16: metric > call: expected package.module:callable, got 'mine'",
        ],
    ),
    (
        "metric: {call: m:f, higher_is_beter: false}",
        [
            "5:21: metric: unknown key 'higher_is_beter'; did you mean 'higher_is_better'?",
        ],
    ),
    (
        "metric: {name: mae}",
        [
            "5:10: metric: unknown key 'name'; known are accuracy, auc, call, f1, "
            "higher_is_better, mae, mse, output, outputs, top_k_accuracy",
        ],
    ),
    (
        "baseline: float.keras",
        [
            "5:11: baseline: expected a path ending in .tflite, or {accuracy: 0.982}, got "
            "'float.keras'",
        ],
    ),
    (
        "baseline: {accuracy: 98%}",
        [
            "5:22: baseline > accuracy: expected a number, got '98%'; write 0.98",
        ],
    ),
    (
        "baseline: {accuracy: 98.2}",
        [
            "5:22: baseline > accuracy: accuracy lies between 0 and 1, got 98.2; write 0.982 "
            "for 98.2 percent",
        ],
    ),
    (
        "baseline: {acc: 0.98}",
        [
            "5:11: baseline: 'accuracy' is missing",
            "5:12: baseline: unknown key 'acc'; known are accuracy",
        ],
    ),
    (
        "latency: {target: ethos-u55-12}",
        [
            "5:19: latency > target: expected a target, package.module:callable or "
            "{command: [...]}, got 'ethos-u55-12'; did you mean 'ethos-u55-128'?",
        ],
    ),
    (
        "latency: {target: tpu}",
        [
            "5:19: latency > target: expected a target, package.module:callable or "
            "{command: [...]}, got 'tpu'; known are adb, ethos-u55-128, ethos-u55-256, "
            "ethos-u55-32, ethos-u55-64, ethos-u65-256, ethos-u65-512, ethos-u85-1024, "
            "ethos-u85-128, ethos-u85-2048, ethos-u85-256, ethos-u85-512, host",
        ],
    ),
    (
        "latency: {target: 5}",
        [
            "5:19: latency > target: expected a target, package.module:callable or "
            "{command: [...]}, got 5",
        ],
    ),
    (
        "latency: {target: {command: [run.sh, model.tflite]}}",
        [
            "5:19: latency > target: expected {model} in one of the arguments, got "
            "'run.sh model.tflite'; write it where the path goes",
        ],
    ),
    (
        "latency: {target: ethos-u55-128, threads: 2}",
        [
            "5:34: latency > threads: only host and adb have threads to choose, not "
            "ethos-u55-128; leave it out, or write 1",
        ],
    ),
    (
        "latency: {target: {command: run.sh}}",
        [
            "5:29: latency > target > command: expected a list, got 'run.sh'; write [run.sh]",
        ],
    ),
    (
        "latency: {target: {command: []}}",
        [
            "5:29: latency > target > command: expected a list of at least 1, got an empty list",
        ],
    ),
    (
        "latency: {threads: 0, batch: 2}",
        [
            "5:20: latency > threads: expected a number of at least 1, got 0",
            "5:23: latency: unknown key 'batch'; did you mean 'batch_size'?",
        ],
    ),
    (
        "latency: host",
        [
            "5:10: latency: expected a mapping, got 'host'; write keys such as target, "
            "threads, batch_size",
        ],
    ),
    (
        "training: {loss: 5, learning_rate: 0, batch_size: 2.5}",
        [
            "5:18: training > loss: expected text, got 5",
            "5:36: training > learning_rate: expected a number above 0, got 0",
            "5:51: training > batch_size: expected a whole number, got 2.5",
        ],
    ),
    (
        "training: 5",
        [
            "5:11: training: expected a mapping, got 5; write keys such as loss, optimizer, "
            "learning_rate",
        ],
    ),
    (
        "data: 5",
        [
            "4:7: data: expected a mapping, got 5; write keys such as train, test, calibration",
        ],
    ),
    (
        "variants: {}",
        [
            "5:11: variants: expected variants by name, got an empty mapping; write a name "
            "and what differs, such as int8: {recipe: int8}",
        ],
    ),
    (
        "variants: [int8]",
        [
            "5:11: variants: expected variants by name, got a list of 1; write a name "
            "and what differs, such as int8: {recipe: int8}",
        ],
    ),
    (
        "variants: {a b: {recipe: int8}}",
        [
            "5:12: variants > a b: 'a b' cannot be the name of a test; write letters, "
            "digits, '_', '.' and '-' only",
        ],
    ),
    (
        "variants: {a: 5}",
        [
            "5:15: variants > a: expected a mapping, got 5; write keys such as recipe and "
            "budget below it",
        ],
    ),
    (
        "variants: {a: {recipe: [cluster: {clusters: 1}]}}",
        [
            "5:45: variants > a > recipe[0] > clusters: expected a number of at least 2, got 1",
        ],
    ),
    (
        "variants: {a: {version: 2, variants: {}}}",
        [
            "5:16: variants > a: unknown key 'version'; known are baseline, budget, "
            "confidence, data, depends_on, imports, latency, metric, model, recipe, seed, "
            "signature, timeout, training, trust_code",
            "5:28: variants > a: unknown key 'variants'; known are baseline, budget, "
            "confidence, data, depends_on, imports, latency, metric, model, recipe, seed, "
            "signature, timeout, training, trust_code",
        ],
    ),
    (
        "model: pkg.net.build",
        [
            "4:8: model: 'pkg.net.build' is not a model; write pkg.net:build or a path "
            "ending in .keras, .h5, .hdf5, .tflite",
        ],
    ),
    (
        "model: net.onnx",
        [
            "4:8: model: 'net.onnx' is not a model; write net:onnx or a path ending in "
            ".keras, .h5, .hdf5, .tflite",
        ],
    ),
    (
        "model: http://host/net.keras",
        [
            "4:8: model: 'http://host/net.keras' is not a model; write package.module:callable "
            "or a path ending in .keras, .h5, .hdf5, .tflite",
        ],
    ),
    (
        'model: "a\\0.keras"',
        [
            "4:8: model: 'a\\x00.keras' is not a model; write package.module:callable or a path "
            "ending in .keras, .h5, .hdf5, .tflite",
        ],
    ),
    (
        "model: {call: pkg.net, args: [1]}",
        [
            "4:15: model > call: expected package.module:callable, got 'pkg.net'; write pkg:net",
            "4:30: model > args: expected a mapping, got a list of 1",
        ],
    ),
    (
        "model: {args: {}}",
        [
            "4:8: model: 'call' is missing",
        ],
    ),
    (
        "model: 5",
        [
            "4:8: model: expected package.module:callable or a path ending in .keras, .h5, "
            ".hdf5, .tflite, got 5",
        ],
    ),
    (
        'model: ""',
        [
            "4:8: model: expected package.module:callable or a path ending in .keras, .h5, "
            ".hdf5, .tflite, got ''",
        ],
    ),
]


@pytest.mark.parametrize(("line", "expected"), KEYS)
def test_every_problem_of_a_key(problems: Problems, line: str, expected: list[str]) -> None:
    key = line.partition(":")[0]
    kept = [text for text in HEAD.splitlines() if text.partition(":")[0] != key]
    assert problems("\n".join([*kept, line])) == expected
