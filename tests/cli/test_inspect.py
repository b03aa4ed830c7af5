import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from pytest_modelbudget.cli import main
from tests.conftest import ZYGOTES, Project, temporary_folder
from tests.workers.compress.export.test_keras_file_parts import keras_file
from tests.workers.flatbuffers import BLOBS, CLASSIFY, edited, store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with a model and a changed one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TMPDIR", temporary_folder())
    monkeypatch.setattr(sys, "executable", ZYGOTES.interpreter())
    shutil.copy(BLOBS, "old.tflite")
    edited(tmp_path / "new.tflite", sparser)
    return tmp_path


def sparser(model: Any) -> None:
    store(model, CLASSIFY, np.zeros((4, 64), np.float32))
    model.subgraphs[0].tensors[CLASSIFY].name = b"functional/classify/MatMul"


def test_a_file_and_what_differs_from_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "old.tflite"]) == 0
    first, _, head, widen, *_rest = capsys.readouterr().out.splitlines()
    assert first.startswith("old.tflite: 6,300 B, gzip ")
    columns = ["bytes", "share", "gzip", "share", "dtype", "shape", "zeros", "unique", "tensor"]
    assert head.split() == columns
    numbers = ["4,096", "65.0", "%", "float32", "64x16", "98.4", "%", "2"]
    found = widen.split()  # the gzip bytes depend on the version of zlib
    assert [*found[:3], *found[6:]] == [*numbers, "functional_1/widen_1/MatMul"]
    assert main(["inspect", "--diff", "old.tflite", "new.tflite"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("old.tflite -> new.tflite\nbytes  6,300 B -> ")
    (classify,) = [line for line in output.splitlines() if "classify" in line]
    assert classify.split()[:3] == ["1,024", "1,024", "0"]
    assert "75.0 % -> 100.0 %" in classify
    assert {path.name for path in folder.iterdir()} == {"old.tflite", "new.tflite"}


@pytest.mark.usefixtures("folder")
def test_json_has_all_and_fits_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "inspect"]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    assert main(["inspect", "--json", "new.tflite"]) == 0
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema).validate(found)
    keys = {"version", "file", "form", "size_bytes", "gzip_bytes", "tensors", "others"}
    assert found.keys() == keys
    parts = [*found["tensors"], *found["others"]]
    for each in ("size_bytes", "gzip_bytes"):
        assert sum(part[each] for part in parts) == found[each]
    assert main(["inspect", "--json", "--diff", "old.tflite", "new.tflite"]) == 0
    diff = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema).validate(diff)
    for document in (found, diff):
        for field in document:
            rest = {name: value for name, value in document.items() if name != field}
            assert not Draft202012Validator(schema).is_valid(rest)
    assert diff["new"] == {each: found[each] for each in ("file", "size_bytes", "gzip_bytes")}
    assert diff["growth_bytes"] == diff["new"]["size_bytes"] - diff["old"]["size_bytes"]
    changes = [*diff["tensors"], *diff["others"]]
    assert sum(change["growth_bytes"] for change in changes) == diff["growth_bytes"]
    assert "functional/classify/MatMul" in [each["new"]["name"] for each in diff["tensors"]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cut.tflite",), "cut.tflite is a damaged .tflite: "),
        (("missing.tflite",), "missing.tflite does not exist; correct the path\n"),
        (
            ("--diff", "old.tflite", "model.keras"),
            "old.tflite is a .tflite and model.keras is a .keras file; "
            "name two files of the same form\n",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(
    words: tuple[str, ...], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keras_file(folder / "model.keras")
    (folder / "cut.tflite").write_bytes(BLOBS.read_bytes()[:3000])
    assert main(["inspect", *words]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(message)
    assert output.err.count("\n") == 1


def test_the_arguments_are_one_file_or_two(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["a.tflite", "--diff", "b", "c"], ["--diff", "a"]):
        with pytest.raises(SystemExit) as error:
            main(["inspect", *words])
        assert error.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


INSPECT = """
import sys
from pytest_modelbudget.cli import main

sys.executable = sys.argv.pop(1)
sys.exit(main(sys.argv[1:]))
"""


def test_the_command_needs_neither_pytest_nor_tensorflow(blobs: Project) -> None:
    keras_file(blobs.root / "model.keras")
    env = blobs.refusing("pytest", "tensorflow", "keras")
    # Its fork server is forked from one that has not imported them either: see tests/zygote.py.
    words = (ZYGOTES.interpreter(), "inspect", "model.keras")
    result = blobs.run("-c", INSPECT, *words, env=env)
    assert result.exitcode == 0, result.output
    result.has("model.keras: ", "  Conv2D")
    assert not (blobs.root / ".modelbudget").exists()
