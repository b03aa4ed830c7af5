from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.budget import Budget
from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.errors import BudgetFileError

Load = Callable[[str | bytes], tuple[Budget, ...]]
Problems = Callable[[str | bytes], list[str]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    def load_text(text: str | bytes) -> tuple[Budget, ...]:
        path = tmp_path / "kws.budget.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path)

    return load_text


@pytest.fixture
def problems(load_text: Load, tmp_path: Path) -> Problems:
    def problems(text: str | bytes) -> list[str]:
        with pytest.raises(BudgetFileError) as caught:
            load_text(text)
        lines = str(caught.value).splitlines()
        assert len(lines) == len(caught.value.problems)
        return [line.removeprefix(f"{tmp_path}/kws.budget.yaml:") for line in lines]

    return problems
