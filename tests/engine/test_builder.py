"""The choice between two quantizers, with artifacts and errors as their builds would give them."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.engine.builder import Builder, StepError
from pytest_modelbudget.engine.plan import Step
from pytest_modelbudget.engine.planner import Planner
from pytest_modelbudget.judge.findings import Artifact
from pytest_modelbudget.judge.results.quantization import FloatWeights, Quantization
from pytest_modelbudget.protocol.project import Project

BUDGET = """
version: 1
model: net:build
recipe: [quantize: {scheme: dynamic}]
budget: {max_bytes: 1 MB}
"""


@pytest.fixture
def step(tmp_path: Path) -> Step:
    (tmp_path / "net.py").write_text("")
    file = tmp_path / "net.budget.yaml"
    file.write_text(BUDGET)
    [budget] = load(file)
    return Planner(Project(rootdir=tmp_path, sys_path=())).plan(budget).step


class Built(Builder):
    """A builder whose steps are built already, or have failed."""

    def __init__(self, found: dict[str, Artifact | StepError]) -> None:
        self._found = found
        self.asked: list[str] = []

    def artifact(self, step: Step, *, checked: bool = False) -> Any:
        async def get() -> Artifact:
            self.asked.append(step.key)
            found = self._found[step.key]
            if isinstance(found, StepError):
                raise found
            return found

        return self._choose(step, checked) if step.either else get()

    def _find(self, step: Step) -> None:
        assert step

    def trains(self, step: Step) -> bool:
        assert step.either, "the chain of both is checked, not that of one"
        return False


def made(backend: Literal["litert", "converter"], *float_bytes: int) -> Artifact:
    left = tuple(FloatWeights(layer="a", dtype="float32", size_bytes=n) for n in float_bytes)
    quantization = Quantization(backend=backend, left_float=left)
    return Artifact(Path(backend), "", 1, 1, 0.0, False, quantization=quantization)


def choose(step: Step, litert: Artifact | str, converter: Artifact | str) -> tuple[str, int]:
    """Return what is reported of the chosen artifact, and how many steps were built."""
    assert step.either
    found = {
        each.key: StepError(result, each, refused=True) if isinstance(result, str) else result
        for each, result in zip(step.either, (litert, converter), strict=True)
    }
    builder = Built(found)
    artifact: Artifact = asyncio.run(builder.artifact(step))
    assert artifact.quantization
    return artifact.quantization.summary(), len(builder.asked)


def test_the_converter_is_not_asked_where_no_weight_is_float(step: Step) -> None:
    assert choose(step, made("litert"), "never") == ("quantized by the LiteRT quantizer", 1)


def test_the_file_with_fewer_float_weights_is_taken(step: Step) -> None:
    assert choose(step, made("litert", 20), made("converter", 10)) == (
        "quantized by TensorFlow's converter; 10 B of weights stay float32: a 10 B; with the "
        "LiteRT quantizer, 20 B of weights stay float32: a 20 B",
        2,
    )
    for more in (20, 30):
        assert choose(step, made("litert", 20), made("converter", more)) == (
            "quantized by the LiteRT quantizer; 20 B of weights stay float32: a 20 B; with "
            f"TensorFlow's converter, {more} B of weights stay float32: a {more} B",
            2,
        )


def test_a_converter_that_fails_is_told_and_stops_nothing(step: Step) -> None:
    assert choose(step, made("litert", 20), "it crashed\nsee the log") == (
        "quantized by the LiteRT quantizer; 20 B of weights stay float32: a 20 B; TensorFlow's "
        "converter failed: it crashed",
        2,
    )


def test_the_converter_is_taken_where_the_litert_quantizer_fails(step: Step) -> None:
    assert choose(step, "no kernel\nuse another", made("converter")) == (
        "quantized by TensorFlow's converter; the LiteRT quantizer failed: no kernel",
        2,
    )


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ("no kernel\nwrite this", "no kernel\nuse another"),
        (
            "a loop\nwrite that",
            "no kernel\nuse another\nwith backend: converter: a loop\nwrite that",
        ),
    ],
)
def test_the_causes_of_both_are_told_once(other: str, text: str, step: Step) -> None:
    with pytest.raises(StepError) as raised:
        choose(step, "no kernel\nuse another", other)
    assert str(raised.value) == text
    assert step.either
    assert raised.value.step == step.either[0]


def test_a_process_that_ended_is_not_a_refusal(step: Step) -> None:
    assert step.either
    builder = Built({step.either[0].key: StepError("out of memory", step.either[0])})
    with pytest.raises(StepError, match="out of memory"):
        asyncio.run(builder.artifact(step))
    assert builder.asked == [step.either[0].key]


def test_a_conversion_that_fails_is_not_tried_twice(step: Step) -> None:
    assert step.either
    assert step.parent
    builder = Built({step.either[0].key: StepError("no operator", step.parent, refused=True)})
    with pytest.raises(StepError, match="no operator"):
        asyncio.run(builder.artifact(step))
    assert builder.asked == [step.either[0].key]
