from collections.abc import Callable

import pytest
import yaml
from jsonschema import Draft202012Validator

from pytest_modelbudget.budgetfile.presets import PRESETS, render
from pytest_modelbudget.budgetfile.schema import schema
from pytest_modelbudget.judge.limits import LIMITS
from tests.budgetfile.test_limits import RIGHT
from tests.budgetfile.test_load import FULL, INHERITED

HEAD = "version: 1\nmodel: m:f\n"
Valid = Callable[[str], bool]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


@pytest.fixture(scope="module")
def valid(validator: Draft202012Validator) -> Valid:
    return lambda text: validator.is_valid(yaml.safe_load(text))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema()["title"] == "A model budget of pytest-modelbudget"


@pytest.mark.parametrize("text", [FULL, INHERITED, *(HEAD + render(name) for name in PRESETS)])
def test_what_loads_is_valid(validator: Draft202012Validator, text: str) -> None:
    # YAML 1.1, which PyYAML reads here, has 1e-3 as text: an editor reads YAML 1.2.
    document = yaml.safe_load(text.replace("1e-3", "0.001"))
    assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize("line", RIGHT)
def test_every_limit_is_valid(valid: Valid, line: str) -> None:
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
        "variants: {Int-8_b.2: {recipe: int8}}",
    ],
)
def test_other_forms_are_valid(valid: Valid, line: str) -> None:
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
        "recipe: 5",
        "recipe: [qantize]",
        "recipe: [5]",
        "recipe: [{}]",
        "recipe: [prune: 3]",
        "recipe: [{prune: {}, cluster: {}}]",
        "recipe: [m:stage: 3]",
        "recipe: [{m:stage: {}, m:other: {}}]",
        "recipe: [{m:stage: {}, other: {}}]",
        "recipe: [prune: {kind: prune}]",
        "recipe: [prune: {sparsity: 2}]",
        "recipe: [prune: {}, cluster: {clusters: true}]",
        "timeout: 30",
        "imports: [5]",
        "imports: [my layers]",
        "metric: {call: metrics.mine}",
        "seed: -1",
        "variants: {a b: {recipe: int8}}",
        "variants: {}",
        "variants: 5",
        "variants: {a: 5}",
        "variants: {a: {modle: m:f}}",
        "variants: {a: {version: 1}}",
        "data: 5",
        "data: {tests: m:f}",
    ],
)
def test_what_does_not_load_is_not_valid(valid: Valid, line: str) -> None:
    assert not valid(f"{HEAD}{line}\n")


def test_what_is_no_mapping_is_not_valid(valid: Valid) -> None:
    assert not valid("- version: 1")


def test_an_editor_can_say_what_a_limit_is() -> None:
    limits = schema()["properties"]["budget"]["properties"]
    assert {name: limits[name]["description"] for name in limits} == {
        name: kind.description for name, kind in LIMITS.items()
    }


@pytest.mark.parametrize("version", ["", "version: 2\n"])
def test_the_version_is_required(valid: Valid, version: str) -> None:
    assert not valid(f"{version}model: m:f\n")
