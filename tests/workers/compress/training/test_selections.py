import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbudget.budgetfile.stages import LayerSelection
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.training import selections
from tests.workers.compress import trainees

pytestmark = pytest.mark.tensorflow


def kernels(layer: Any) -> str | None:
    return None if hasattr(layer, "kernel") else "no kernel"


def test_unsupported_layers_are_skipped_with_the_reason(tmp_path: Path) -> None:
    choice = selections.choose_layers(trainees.cnn(), LayerSelection(), kernels)

    assert choice.chosen == ("conv", "dense", "class")
    assert choice.skipped == dict.fromkeys(("norm", "depthwise", "flat", "dropout"), "no kernel")
    choice.write(tmp_path)
    assert json.loads((tmp_path / "layers.json").read_text()) == {
        "chosen": ["conv", "dense", "class"],
        "skipped": choice.skipped,
    }


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ({"only": ("Dense",)}, ("dense", "class")),
        ({"only": ("d*",)}, ("dense",)),
        ({"skip": ("c*", "Dropout")}, ("dense",)),
        ({"skip": ("Dense",)}, ("conv",)),
    ],
)
def test_layers_are_chosen_by_glob_or_class(layers: Any, chosen: tuple[str, ...]) -> None:
    assert (
        selections.choose_layers(trainees.cnn(), LayerSelection(**layers), kernels).chosen == chosen
    )


def test_nested_layers_are_named_with_their_model() -> None:
    model = trainees.two_sides()

    assert "part/conv" in selections.choose_layers(model, LayerSelection(), kernels).chosen
    for pattern in ("part/*", "conv", "Conv2D"):
        assert (
            "part/conv"
            in selections.choose_layers(model, LayerSelection(only=(pattern,)), kernels).chosen
        )


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            {"skip": ("danse",)},
            "layers: no layer matches 'danse'; the layers are conv, norm, depthwise, flat, "
            "dropout, dense, class",
        ),
        (
            {"only": ("dense", "depthwise")},
            "layers: every layer that matches 'depthwise' is unsupported: no kernel (depthwise); "
            "remove it from layers: only",
        ),
        (
            {"skip": ("conv", "Dense")},
            "every layer would be skipped: in layers: skip (conv, dense, class); "
            "no kernel (norm, depthwise, flat and 1 more); remove the stage",
        ),
    ],
)
def test_a_choice_without_layers(layers: Any, message: str) -> None:
    with pytest.raises(JobError) as raised:
        selections.choose_layers(trainees.cnn(), LayerSelection(**layers), kernels)

    assert str(raised.value) == message
