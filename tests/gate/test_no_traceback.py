"""Surroundings that the gate must put up with, or refuse in one clear sentence."""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Project, first_on_path, outcomes

TARGET = """
version: 1
model: blobs.tflite
latency: {target: board:measure}
budget: {max_latency: 1 s}
"""
ENDING = """
version: 1
model: blobs.tflite
budget: {max_latency: 1 s}
variants:
  early: {latency: {target: "board:early"}}
  failed: {latency: {target: "board:failed"}}
"""


def manifests(project: Project) -> list[Path]:
    """Return the manifests of all stored results."""
    found = list((project.root / ".modelbudget" / "entries").rglob("entry.json"))
    assert found
    return found


def edit_results(project: Project, changes: Mapping[str, object], without: str = "") -> None:
    """Change the stored results, as another version of the package would have written them."""
    for manifest in manifests(project):
        result = manifest.with_name("result.json")
        fields = json.loads(result.read_text()) | changes
        fields.pop(without, None)
        result.write_text(json.dumps(fields))
        entry = json.loads(manifest.read_text())
        entry["sha256"][result.name] = hashlib.sha256(result.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(entry))


@pytest.mark.parametrize("plugin", ["terminal", "capture"])
def test_plugins_of_pytest_can_be_left_out(built: Project, plugin: str) -> None:
    result = built.pytest("-p", f"no:{plugin}")
    assert result.exitcode == 0
    assert "Traceback" not in result.output
    built.write("blobs.budget.yaml", TARGET)
    built.write("board.py", "def measure(model): raise OSError")
    result = built.pytest("-p", f"no:{plugin}")
    assert result.exitcode == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize("changes", [{"of_a_later_version": 1}, {"file": 1, "value": "high"}])
def test_results_that_another_version_stored_are_made_again(
    built: Project, changes: Mapping[str, object]
) -> None:
    edit_results(built, changes)
    result = built.pytest("-v")
    assert set(outcomes(result.output).values()) == {"PASSED"}
    result.has("blobs.budget.yaml float32 (built, ", "blobs.budget.yaml int8 (built, ")
    assert "built" not in built.pytest().output


def test_xdist_workers_discard_a_result_of_another_version_once(built: Project) -> None:
    edit_results(built, {}, without="seconds")
    result = built.pytest("-v", "-n2")
    assert (result.exitcode, result.output.count("PASSED")) == (0, 5)
    assert "built" not in built.pytest().output


def test_a_manifest_without_digests_is_damage(built: Project) -> None:
    for manifest in manifests(built):
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"sha256": {}}))
    result = built.pytest("-k", "bytes")
    assert result.exitcode == 0
    result.has("blobs.budget.yaml float32 (built, ", "blobs.budget.yaml int8 (built, ")


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("tasks", "File exists"), ("staging", "Not a directory"), ("entries", "Not a directory")],
)
def test_a_cache_that_cannot_be_written_is_named(blobs: Project, folder: str, reason: str) -> None:
    cache = blobs.root / "cache"
    cache.mkdir()
    (cache / folder).write_text("not a folder")
    result = blobs.pytest("-k", "max_bytes", "--budget-cache=cache", env={"COLUMNS": "300"})
    cause = (
        f"convert: the cache directory {cache} cannot be written: {reason}; "
        "name another with --budget-cache=DIR\n"
    )
    assert f"\nblobs.budget.yaml:2:1: {cause}" in result.output
    assert "Traceback" not in result.output


def zipped(project: Project, **modules: str) -> None:
    with zipfile.ZipFile(project.root / "lib.zip", "w") as archive:
        for name, code in modules.items():
            archive.writestr(f"{name}.py", code)


def test_modules_may_be_in_a_zip(blobs: Project) -> None:
    code = blobs.root / "blobs.py"
    text = code.read_text()
    code.unlink()
    blobs.write("pytest.ini", "[pytest]\npythonpath = lib.zip\n")
    zipped(blobs, blobs=text)
    assert set(outcomes(blobs.pytest("-v", "-k", "int8").output).values()) == {"PASSED"}
    assert "built" not in blobs.pytest("-k", "int8").output
    # A change in a module that the zip imports counts, as it does in a folder.
    zipped(blobs, blobs=f"import other\n{text}", other="")
    assert "built" in blobs.pytest("-k", "int8 and max_bytes").output
    zipped(blobs, blobs=f"import other\n{text}", other="raise ValueError('no')")
    result = blobs.pytest("-k", "int8 and max_bytes", env={"COLUMNS": "300"})
    result.has("recipe > int8 > quantize: importing blobs raised ValueError: no (other.py:1)\n")


def test_a_module_that_is_missing_was_searched_for_in_the_zip_too(blobs: Project) -> None:
    blobs.write("pytest.ini", "[pytest]\npythonpath = lib.zip\n")
    zipped(blobs, digits="")
    (blobs.root / "blobs.py").unlink()
    result = blobs.pytest("-k", "accuracy_drop")
    result.has("module blobs was not found; modules are searched for in ", f"{blobs.root}/lib.zip")


def test_a_target_that_ends_its_process_is_unmeasured(built: Project) -> None:
    built.write("blobs.budget.yaml", ENDING)
    code = "import os\ndef early(model): os._exit(0)\ndef failed(model): os._exit(3)"
    built.write("board.py", code)
    result = built.pytest("-v")
    for how in ("0 before its task was done", "3"):
        result.has(
            f"max_latency could not be measured: the worker process exited with code {how}\n",
            "log: ",
            "repeat: ",
            "blobs.budget.yaml:3:10\n",
        )
    assert result.output.count(" UNMEASURED\n") == 2
    assert "Traceback" not in result.output


def test_a_folder_may_have_a_newline_in_its_name(built: Project) -> None:
    moved = Project(built.root.rename(built.root.with_name("two\nlines: 100%41 {}")))
    result = moved.pytest("-v", "--budget-artifacts=dist")
    assert set(outcomes(result.output).values()) == {"PASSED"}
    assert len(list((moved.root / "dist").glob("*.tflite"))) == 2


def test_a_folder_that_is_not_utf8_is_refused(blobs: Project) -> None:
    folder = os.fsdecode(b"bad\xff")
    moved = Project(blobs.root.rename(blobs.root.with_name(folder)))
    result = moved.pytest()
    path = ascii(f"{moved.root}/blobs.budget.yaml")
    assert result.exitcode == 2
    assert f"\n{path} is not UTF-8; rename the folder or file\n" in result.output
    assert "Traceback" not in result.output


def test_a_cache_that_is_not_utf8_is_refused(blobs: Project) -> None:
    cache = blobs.root / os.fsdecode(b"bad\xff")
    result = blobs.pytest(f"--budget-cache={cache}")
    assert result.exitcode == 4
    assert f"ERROR: {str(cache)!a} is not UTF-8; rename the folder or file\n" in result.output


def test_a_folder_of_modules_that_is_not_utf8_is_refused(blobs: Project) -> None:
    folder = blobs.root / os.fsdecode(b"bad\xff")
    folder.mkdir()
    shutil.move(blobs.root / "blobs.py", folder)
    result = blobs.pytest(env=first_on_path(folder))
    assert result.exitcode == 4
    assert f"ERROR: {str(folder)!a} is not UTF-8; rename the folder or file\n" in result.output
    assert Path(folder).is_dir()
