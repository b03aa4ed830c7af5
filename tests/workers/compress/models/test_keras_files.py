"""Files that cannot be loaded as they are: found out before any Keras is imported."""

import json
import runpy
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.models.keras_files import load_h5, load_keras
from tests.conftest import Project, outcomes

KERAS_2 = {"name": "double", "function": ["4wEAAA==", None, None], "function_type": "lambda"}
KERAS_3 = {"name": "double", "function": {"class_name": "__lambda__", "config": {"code": "4wEA"}}}
HOSTED = {"registered_name": "pytest_modelbudget>Hosted", "config": {"name": "double"}}
HOSTED_IN_H5 = {"class_name": "pytest_modelbudget>Hosted", "config": {"name": "double"}}
UNHASHABLE = {"class_name": ["a"], "config": {"name": "other"}}
NESTED = {"class_name": "Functional", "config": {"name": "outer", "layers": [{"config": KERAS_2}]}}
BY_NAME = {"name": "double", "function": "relu", "function_type": "function"}


def archive(path: Path, metadata: str, config: str = "{}") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", metadata)
        file.writestr("config.json", config)
    return path


def h5(path: Path, **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
    return path


def sequential(*layers: object) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"name": "all", "layers": layers}})


def fails(load: Callable[..., object], path: Path) -> str:
    with pytest.raises(JobError) as raised:
        load(path, trust_code=False)
    return str(raised.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize(
    "metadata", ["[]", "3", "null", "{}", '{"keras_version": 3}', '{"keras_version": ["3.0"]}']
)
def test_metadata_of_the_wrong_type(metadata: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", metadata)
    assert fails(load_keras, path) == (
        "m.keras is not a .keras archive with a keras_version in metadata.json; found a zip "
        f"archive ({path.stat().st_size} bytes); name a file that model.save('name.keras') wrote"
    )


def test_metadata_that_is_nested_too_deeply(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", "[" * 100_000)
    assert fails(load_keras, path).startswith("m.keras is damaged: maximum recursion depth")


def test_an_archive_without_a_configuration(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as file:
        file.writestr("metadata.json", "{}")
    size_bytes = (tmp_path / "m.keras").stat().st_size
    assert fails(load_keras, tmp_path / "m.keras") == (
        "m.keras is not a .keras archive with config.json; found a zip archive "
        f"({size_bytes} bytes); "
        "name a file that model.save('name.keras') wrote"
    )


@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        ({"model_config": 3}, "expected text, got 3"),
        ({"model_config": "{", "keras_version": "2.0"}, "Expecting property name enclosed in "),
        ({"model_config": "{}", "keras_version": 2.1}, "expected text, got 2.1"),
    ],
)
def test_attributes_of_the_wrong_type(
    attributes: dict[str, Any], what: str, tmp_path: Path
) -> None:
    message = fails(load_h5, h5(tmp_path / "m.h5", **attributes))
    assert message.startswith(f"m.h5 is damaged: {what}")
    assert message.endswith(" bytes); save it again")


@pytest.mark.parametrize("layer", [KERAS_2, KERAS_3, HOSTED, HOSTED_IN_H5])
def test_code_is_found_before_it_runs(layer: object, tmp_path: Path) -> None:
    config = sequential({"class_name": "Dense", "config": {"name": "first"}}, UNHASHABLE, layer)
    refusal = (
        "contains Python code, which loading it would run: layer double; "
        "write trust_code: true if you trust the author of the file"
    )
    for version in ("2.13.1", "3.10.0"):
        file = h5(tmp_path / "m.h5", model_config=config, keras_version=version)
        assert fails(load_h5, file) == f"m.h5 {refusal}"
        file = archive(tmp_path / "m.keras", json.dumps({"keras_version": version}), config)
        assert fails(load_keras, file) == f"m.keras {refusal}"


def test_every_layer_with_code_is_named_once(tmp_path: Path) -> None:
    mask = {"name": "masked", "mask_type": "lambda", "output_shape_type": "lambda"}
    config = sequential(KERAS_2, NESTED, {"config": mask}, {"class_name": "__lambda__"})
    file = h5(tmp_path / "m.h5", model_config=config, keras_version="2.13.1")
    assert fails(load_h5, file).startswith(
        "m.h5 contains Python code, which loading it would run: layers double, masked, all; "
    )


WRITE = """
import pathlib, sys
import {keras} as keras

def touch(x):
    return x

x = keras.Input((16,))
code = lambda y: [__import__("pathlib").Path("ran").touch(), y][1]
doubled = keras.layers.Lambda(code, output_shape=(16,), name="double")(x)
named = keras.layers.Dense(4, activation="softmax")(doubled)
model = keras.Model(x, named)
for name in sys.argv[1:]:
    model.save(name)
pathlib.Path("ran").unlink(missing_ok=True)
"""
BUDGET = """
version: 1
model: {name}
recipe: []
budget: {{max_bytes: 1 MB}}
"""


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
# Keras 3 on NumPy 2: https://github.com/keras-team/keras/pull/21288
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_code_in_a_file_runs_only_if_it_is_trusted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    names = []
    for keras in ("keras", "tf_keras"):
        files = [f"{keras}_model{suffix}" for suffix in (".keras", ".h5")]
        monkeypatch.setattr(sys, "argv", ["write.py", *files])
        runpy.run_path(str(project.write("write.py", WRITE.format(keras=keras))))
        names += files
    for name in names:
        project.write(f"{name}.budget.yaml", BUDGET.format(name=name))
    result = project.pytest("-v", env={"COLUMNS": "300"})
    assert list(outcomes(result.output).values()) == ["ERROR"] * 4
    for name in names:
        assert (
            f":2:1: convert: {project.root}/{name} contains Python code, which loading it would "
            "run: layer double\nwrite trust_code: true if you trust the author of the file\n"
        ) in result.output
    assert not (project.root / "ran").exists()

    for name in names:
        project.edit(f"{name}.budget.yaml", "version: 1", "version: 1\ntrust_code: true")
    result = project.pytest("-v")
    assert list(outcomes(result.output).values()) == ["PASSED"] * 4, result.output
    assert (project.root / "ran").exists()


def test_trust_code_is_true_or_false(project: Project) -> None:
    project.write("m.budget.yaml", f"trust_code: 1\n{BUDGET.format(name='m.h5').lstrip()}")
    result = project.pytest()
    assert result.exitcode == 2
    assert "\nm.budget.yaml:1:13: trust_code: expected true or false, got 1\n" in result.output
