import json
import shutil
from pathlib import Path

import pytest

import pytest_modelbudget
from pytest_modelbudget.engine import tool_state as tool_states
from pytest_modelbudget.engine.tool_state import tool_state


@pytest.mark.parametrize("name", ["TF_USE_LEGACY_KERAS", "KERAS_BACKEND", "XLA_FLAGS"])
def test_variables_of_the_tools_count(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name, raising=False)
    before = tool_state()
    monkeypatch.setenv(name, "1")
    assert tool_state() != before


def test_the_settings_of_keras_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    before = tool_state()
    file = tmp_path / "keras.json"
    file.write_text(json.dumps({"floatx": "float32", "backend": "tensorflow", "new": 1}))
    assert tool_state() == before, "Keras writes its defaults when it is imported first"
    file.write_text("[]")
    assert tool_state() == before
    file.write_text(json.dumps({"floatx": "float16"}))
    assert tool_state() != before


def test_the_code_of_this_package_counts_where_it_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result of another development state may even have another shape."""
    package = Path(pytest_modelbudget.__file__).parent
    copy = tmp_path / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(tool_states, "_PACKAGE", copy)

    def code() -> object:
        tool_states.own_code.cache_clear()
        return tool_states.tool_state()["code"]

    before = code()
    assert before
    with (copy / "report" / "terminal.py").open("a") as file:
        file.write("# It makes no result.\n")
    assert code() == before
    with (copy / "workers" / "handlers.py").open("a") as file:
        file.write("# It may.\n")
    assert code() not in ("", before)
    tool_states.own_code.cache_clear()
