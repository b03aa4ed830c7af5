import pytest
import yaml
from jsonschema import Draft202012Validator

from pytest_modelbudget.budgetfile.presets import PRESETS, render
from pytest_modelbudget.budgetfile.schema import schema
from tests.budgetfile.test_limits import RIGHT
from tests.budgetfile.test_load import FULL, INHERITED

VALIDATOR = Draft202012Validator(schema())
HEAD = "version: 1\nmodel: m:f\n"


def valid(text: str) -> bool:
    return VALIDATOR.is_valid(yaml.safe_load(text))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("text", [FULL, INHERITED, *(HEAD + render(name) for name in PRESETS)])
def test_what_loads_is_valid(text: str) -> None:
    # YAML 1.1, which PyYAML reads here, has 1e-3 as text: an editor reads YAML 1.2.
    document = yaml.safe_load(text.replace("1e-3", "0.001"))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize("line", RIGHT)
def test_every_limit_is_valid(line: str) -> None:
    assert valid(f"{HEAD}budget:\n  {line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "recipe: [quantize_aware, m:stage, m:other: {rate: 1}, prune: {block: [1, 4]}, prune:]",
        "recipe: [quantize: {layers: {dense: float32}}]",
        "metric: {call: m:f, higher_is_better: false}",
        "baseline: {accuracy: 0.98}",
        "latency: {target: {command: [run, '{model}']}}",
        "latency: {target: m:f}",
    ],
)
def test_other_forms_are_valid(line: str) -> None:
    assert valid(f"{HEAD}{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "modle: m:f",
        "budget: {max_byte: 5}",
        "budget: {max_bytes: 900 KB}",
        "budget: {max_latency: 2}",
        "budget: {max_accuracy_drop: 0.5%}",
        "budget: {integer_only: false}",
        "recipe: int9",
        "recipe: [qantize]",
        "recipe: [prune: {kind: prune}]",
        "recipe: [prune: {sparsity: 2}]",
        "recipe: [prune: {}, cluster: {clusters: true}]",
        "timeout: 30",
        "seed: -1",
        "variants: {a b: {recipe: int8}}",
        "variants: {}",
    ],
)
def test_what_does_not_load_is_not_valid(line: str) -> None:
    assert not valid(f"{HEAD}{line}\n")


@pytest.mark.parametrize("version", ["", "version: 2\n"])
def test_the_version_is_required(version: str) -> None:
    assert not valid(f"{version}model: m:f\n")
