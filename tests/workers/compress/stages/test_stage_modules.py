from importlib import import_module
from typing import get_args, get_type_hints

import pytest

from pytest_modelbudget.budgetfile.stages import BuiltInStage, UserStage
from pytest_modelbudget.workers.compress import stages
from pytest_modelbudget.workers.compress.stages import MODULES


def test_every_stage_has_a_module() -> None:
    assert set(MODULES) == {*get_args(BuiltInStage), UserStage}


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:(The )?distutils:DeprecationWarning")  # tfmot imports it
@pytest.mark.parametrize("stage", MODULES, ids=lambda stage: str(stage.__name__))
def test_a_module_works_on_its_own_stage(stage: type) -> None:
    module = import_module(f"{stages.__name__}.{MODULES[stage]}")

    offered = ["run", *(name for name in ["preflight"] if hasattr(module, name))]
    for name in offered:
        assert get_type_hints(getattr(module, name))["stage"] is stage
