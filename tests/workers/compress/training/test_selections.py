import json
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbudget.budgetfile.stages import LayerSelection
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.training.selections import take
from tests.workers.compress import trainees

pytestmark = pytest.mark.tensorflow


def kernels(layer: Any) -> str | None:
    return None if hasattr(layer, "kernel") else "no kernel"


def test_layers_that_cannot_be_taken_are_left_with_the_reason(tmp_path: Path) -> None:
    selection = take(trainees.cnn(), LayerSelection(), kernels)

    assert selection.taken == ("conv", "dense", "class")
    assert selection.left == dict.fromkeys(("norm", "depthwise", "flat", "dropout"), "no kernel")
    selection.write(tmp_path)
    assert json.loads((tmp_path / "layers.json").read_text()) == {
        "taken": ["conv", "dense", "class"],
        "left": selection.left,
    }


@pytest.mark.parametrize(
    ("layers", "taken"),
    [
        ({"only": ("Dense",)}, ("dense", "class")),
        ({"only": ("d*",)}, ("dense",)),
        ({"skip": ("c*", "Dropout")}, ("dense",)),
        ({"skip": ("Dense",)}, ("conv",)),
    ],
)
def test_layers_are_chosen_by_glob_or_class(layers: Any, taken: tuple[str, ...]) -> None:
    assert take(trainees.cnn(), LayerSelection(**layers), kernels).taken == taken


def test_nested_layers_are_named_with_their_model() -> None:
    model = trainees.two_sides()

    assert "part/conv" in take(model, LayerSelection(), kernels).taken
    for pattern in ("part/*", "conv", "Conv2D"):
        assert "part/conv" in take(model, LayerSelection(only=(pattern,)), kernels).taken


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
            "layers: 'depthwise' means no layer that can be taken: no kernel (depthwise); leave "
            "it out of layers: only",
        ),
        (
            {"skip": ("conv", "Dense")},
            "there is no layer that can be taken: in layers: skip (conv, dense, class); "
            "no kernel (norm, depthwise, flat and 1 more); leave the stage out",
        ),
    ],
)
def test_a_choice_that_is_none(layers: Any, message: str) -> None:
    with pytest.raises(JobError) as raised:
        take(trainees.cnn(), LayerSelection(**layers), kernels)

    assert str(raised.value) == message
