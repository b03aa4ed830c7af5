"""``--budget-artifacts``: what is copied is what was judged, and all of it was judged."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Project, Result, outcomes

ONE = "version: 1\nmodel: blobs.tflite\nbudget: {max_bytes: 7 kB}\n"


def ship(project: Project, *options: str) -> Result:
    return project.pytest("--budget-artifacts=dist", *options)


def shipped(project: Project) -> list[str]:
    dist = project.root / "dist"
    return sorted(str(file.relative_to(dist)) for file in dist.rglob("*.tflite"))


def lines(result: Result) -> list[str]:
    """Return the lines about artifacts, and the one that counts the tests."""
    words = ("artifacts", "not copied", "removed", "--budget-artifacts")
    return [line for line in result.output.splitlines() if line.startswith(words)]


def test_what_passed_is_copied_byte_for_byte(built: Project) -> None:
    result = ship(built)
    assert result.exitcode == 0
    assert lines(result) == ["artifacts copied to dist: 2 of 2"]
    assert shipped(built) == ["blobs.float32.tflite", "blobs.int8.tflite"]
    entries = (built.root / ".modelbudget" / "entries").rglob("model.tflite")
    stored = {len(content): content for content in (file.read_bytes() for file in entries)}
    assert stored.keys() > {6300, 3648}
    for variant, size_bytes in (("float32", 6300), ("int8", 3648)):
        copy = built.root / "dist" / f"blobs.{variant}.tflite"
        assert copy.read_bytes() == stored[size_bytes]
    assert json.loads((built.root / "dist" / ".modelbudget-artifacts.json").read_text()) == {
        "version": 1,
        "files": {
            "blobs.float32.tflite": "../blobs.budget.yaml",
            "blobs.int8.tflite": "../blobs.budget.yaml",
        },
    }


def test_one_limit_that_failed_keeps_its_variant_back(built: Project) -> None:
    ship(built)
    built.edit("blobs.budget.yaml", "max_bytes: 6300", "max_bytes: 6299")
    result = ship(built)
    assert result.exitcode == 1
    assert lines(result) == [
        "artifacts copied to dist: 1 of 2",
        "not copied: blobs.budget.yaml float32: max_bytes failed",
    ]
    assert shipped(built) == ["blobs.int8.tflite"]


def test_a_recipe_that_cannot_be_built_is_not_copied(built: Project) -> None:
    built.write("data.py", "def __getattr__(name): raise AttributeError(name)")
    built.edit("blobs.budget.yaml", "calibration: blobs:calibration", "calibration: data:absent")
    result = ship(built)
    assert result.exitcode == 1
    assert lines(result) == [
        "artifacts copied to dist: 1 of 2",
        "not copied: blobs.budget.yaml int8: max_bytes could not be built, "
        "max_gzip_bytes could not be built, max_accuracy_drop could not be built",
    ]


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        (("-k", "int8 and max_bytes"), "max_gzip_bytes did not run, max_accuracy_drop did not run"),
        (("-k", "int8 and not max_bytes"), "max_bytes did not run"),
        (("blobs.budget.yaml::int8::max_bytes",), "max_gzip_bytes did not run, "),
        (("--deselect", "blobs.budget.yaml::int8::max_accuracy_drop"), "max_accuracy_drop did not"),
        (("-n2", "-k", "int8 and not max_bytes"), "max_bytes did not run"),
    ],
)
def test_a_variant_of_which_a_limit_did_not_run_is_not_copied(
    built: Project, options: tuple[str, ...], left_out: str
) -> None:
    result = ship(built, *options)
    assert result.exitcode == 0
    result.has("artifacts copied to dist: ", f"not copied: blobs.budget.yaml int8: {left_out}")
    assert "blobs.int8.tflite" not in shipped(built)


def test_a_file_that_this_session_did_not_judge_in_full_is_removed(built: Project) -> None:
    ship(built)
    result = ship(built, "-k", "int8 and max_bytes")
    assert result.exitcode == 0
    assert lines(result) == [
        "artifacts copied to dist: 0 of 2",
        "not copied: blobs.budget.yaml int8: max_gzip_bytes did not run, "
        "max_accuracy_drop did not run",
    ]
    assert shipped(built) == ["blobs.float32.tflite"], "none of its limits ran, so it stays"


def test_the_first_failure_stops_shipping_what_comes_after_it(built: Project) -> None:
    built.edit("blobs.budget.yaml", "max_gzip_bytes: 1 kB", "max_gzip_bytes: 1 B")
    result = ship(built, "-x")
    assert lines(result) == [
        "artifacts copied to dist: 1 of 2",
        "not copied: blobs.budget.yaml int8: max_gzip_bytes failed, max_accuracy_drop did not run",
    ]
    assert shipped(built) == ["blobs.float32.tflite"]


def test_only_the_last_failures_again_are_not_enough(built: Project) -> None:
    words = ("-p", "cacheprovider", "--budget-artifacts=dist")
    built.edit("blobs.budget.yaml", "max_gzip_bytes: 1 kB", "max_gzip_bytes: 1 B")
    built.pytest(*words)
    built.edit("blobs.budget.yaml", "max_gzip_bytes: 1 B", "max_gzip_bytes: 1 kB")
    result = built.pytest(*words, "--lf")
    assert result.exitcode == 0
    assert lines(result) == [
        "artifacts copied to dist: 0 of 2",
        "not copied: blobs.budget.yaml int8: max_bytes did not run, max_accuracy_drop did not run",
    ]
    assert shipped(built) == ["blobs.float32.tflite"]


INTERRUPTED = """
def pytest_runtest_setup(item):
    if item.nodeid.endswith("int8::max_gzip_bytes"):
        raise KeyboardInterrupt
"""


def test_what_ctrl_c_left_out_is_not_copied(built: Project) -> None:
    built.write("conftest.py", INTERRUPTED)
    result = ship(built)
    assert result.exitcode == 2
    assert lines(result) == [
        "artifacts copied to dist: 1 of 2",
        "not copied: blobs.budget.yaml int8: max_gzip_bytes did not run, "
        "max_accuracy_drop did not run",
    ]
    assert shipped(built) == ["blobs.float32.tflite"]


CRASHED = """
import os

def pytest_runtest_setup(item):
    if item.nodeid.endswith("int8::max_gzip_bytes"):
        os._exit(1)
"""


def test_what_a_crashed_xdist_worker_left_out_is_not_copied(built: Project) -> None:
    built.write("conftest.py", CRASHED)
    result = ship(built, "-n2")
    assert result.exitcode == 1
    assert lines(result) == [
        "artifacts copied to dist: 1 of 2",
        "not copied: blobs.budget.yaml int8: max_gzip_bytes did not run",
    ]
    assert shipped(built) == ["blobs.float32.tflite"]


def test_without_any_worker_left_nothing_is_known_and_nothing_copied(built: Project) -> None:
    built.write("conftest.py", CRASHED)
    result = ship(built, "-n1", "--max-worker-restart=0")
    assert result.exitcode == 1
    why = "pytest stopped before it was known whether every limit ran"
    assert lines(result) == [
        "artifacts copied to dist: 0 of 2",
        f"not copied: blobs.budget.yaml float32: {why}",
        f"not copied: blobs.budget.yaml int8: {why}",
    ]
    assert not (built.root / "dist").exists()


def test_xdist_workers_ship_together(built: Project) -> None:
    result = ship(built, "-n2")
    assert result.exitcode == 0
    assert lines(result) == ["artifacts copied to dist: 2 of 2"]
    assert shipped(built) == ["blobs.float32.tflite", "blobs.int8.tflite"]


BROKEN_AFTERWARDS = """
def pytest_runtest_teardown(item):
    if item.nodeid.endswith("int8::max_accuracy_drop"):
        raise RuntimeError("the board was not switched off")
"""


def test_an_error_after_the_limit_keeps_its_variant_back(built: Project) -> None:
    built.write("conftest.py", BROKEN_AFTERWARDS)
    result = ship(built)
    assert result.exitcode == 1
    assert lines(result) == [
        "artifacts copied to dist: 1 of 2",
        "not copied: blobs.budget.yaml int8: max_accuracy_drop could not be measured",
    ]


DAMAGED = """
import pytest
from pathlib import Path

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    for file in Path(".modelbudget").rglob("model.tflite"):
        content = bytearray(file.read_bytes())
        if len(content) == 6300:
            content[-1] ^= 1
            file.write_bytes(content)
"""


def test_other_bytes_than_those_that_were_judged_are_an_error(built: Project) -> None:
    ship(built)
    built.write("conftest.py", DAMAGED)
    result = ship(built)
    assert result.exitcode == 1
    result.has(
        "--budget-artifacts: artifacts copied to dist: 1 of 2",
        "not copied: blobs.budget.yaml float32: .modelbudget/entries/",
        "model.tflite is not the file that all its limits were judged on; run pytest again",
    )
    assert shipped(built) == ["blobs.int8.tflite"]
    assert not list((built.root / "dist").glob("*.part"))


def test_what_is_no_longer_a_variant_is_removed(built: Project) -> None:
    built.write("old.budget.yaml", ONE)
    built.write("kept.budget.yaml", ONE)
    ship(built)
    assert len(shipped(built)) == 4
    built.write("dist/mine.tflite", "of the user's own")
    built.write("dist/blobs.int4.tflite", "of the user's own")
    (built.root / "old.budget.yaml").unlink()
    built.edit("blobs.budget.yaml", "  float32:", "  float:")

    partial = ship(built, "-k", "int8")
    assert lines(partial) == ["artifacts copied to dist: 1 of 3"]
    assert len(shipped(built)) == 6

    result = ship(built, "blobs.budget.yaml")
    assert lines(result) == [
        "artifacts copied to dist: 2 of 2",
        "removed: dist/blobs.float32.tflite: its variant does not exist",
        "removed: dist/old.tflite: its variant does not exist",
    ]
    assert shipped(built) == [
        "blobs.float.tflite",
        "blobs.int4.tflite",
        "blobs.int8.tflite",
        "kept.tflite",
        "mine.tflite",
    ]


def test_a_broken_budget_file_loses_nothing(built: Project) -> None:
    ship(built)
    built.write("other.budget.yaml", ONE)
    built.edit("blobs.budget.yaml", "version: 1", "version: 2")
    result = ship(built, "--continue-on-collection-errors")
    assert result.exitcode == 1
    assert lines(result) == ["artifacts copied to dist: 1 of 1"]
    assert shipped(built) == ["blobs.float32.tflite", "blobs.int8.tflite", "other.tflite"]


def test_two_suffixes_would_have_one_name(blobs: Project) -> None:
    blobs.write("blobs.budget.yml", ONE + "variants: {int8: }\n")
    result = ship(blobs)
    assert result.exitcode == 2
    result.has(
        "blobs.budget.yml:4:12: its artifact would be copied to dist/blobs.int8.tflite, and so "
        "would that of blobs.budget.yaml int8; rename one of them",
        "1 error",
    )
    assert not (blobs.root / ".modelbudget").exists()
    assert blobs.pytest("--collect-only").exitcode == 0, "without the option they do not meet"


def test_dots_in_names_would_make_one_name(blobs: Project) -> None:
    blobs.write("x.budget.yaml", ONE + "variants: {int8.v2: , int8: }\n")
    blobs.write("x.int8.budget.yaml", ONE + "variants: {v2: , v3: }\n")
    result = ship(blobs, "-n2")
    assert result.exitcode == 1, "that of xdist after a collection error"
    result.has(
        "x.int8.budget.yaml:4:12: its artifact would be copied to dist/x.int8.v2.tflite, and so "
        "would that of x.budget.yaml int8.v2; rename one of them",
    )
    assert not (blobs.root / ".modelbudget").exists()


def test_equal_names_outside_rootdir_would_make_one_name(blobs: Project) -> None:
    blobs.edit("blobs.budget.yaml", ", min_accuracy: 0.96", "")
    blobs.edit("blobs.budget.yaml", ", max_accuracy_drop: 1 pp", "")
    for folder in ("a", "b"):
        shutil.copytree(blobs.root, blobs.root.parent / folder)
    outside = [str(blobs.root.parent / name / "blobs.budget.yaml") for name in ("a", "b")]
    root = f"--rootdir={blobs.root}"
    result = ship(blobs, root, "-c", "pytest.ini", *outside)
    assert result.exitcode == 2
    result.has(
        f"{outside[1]}:7:3: its artifact would be copied to dist/blobs.float32.tflite, and so "
        f"would that of {outside[0]} float32; rename one of them",
        f"{outside[1]}:9:3: its artifact would be copied to dist/blobs.int8.tflite, and so "
        f"would that of {outside[0]} int8; rename one of them",
    )
    assert not (blobs.root / ".modelbudget").exists()
    assert ship(blobs, root, "-c", "pytest.ini", outside[0]).exitcode == 0
    assert shipped(blobs) == ["blobs.float32.tflite", "blobs.int8.tflite"]


def test_names_follow_the_folders_of_budget_files(built: Project) -> None:
    (built.root / "v1.budget.d").mkdir()
    built.write("v1.budget.d/kws.budget.yml", ONE.replace("blobs", "../blobs"))
    assert ship(built).exitcode == 0
    assert shipped(built) == [
        "blobs.float32.tflite",
        "blobs.int8.tflite",
        "v1.budget.d/kws.tflite",
    ]


def test_a_file_that_the_budget_reads_is_never_replaced(blobs: Project) -> None:
    blobs.write("blobs.budget.yaml", ONE)
    before = (blobs.root / "blobs.tflite").read_bytes()
    result = blobs.pytest("--budget-artifacts=.")
    assert result.exitcode == 2
    result.has(
        "blobs.budget.yaml:1:1: its artifact would be copied to blobs.tflite, which this budget "
        "file reads; name another directory with --budget-artifacts=DIR"
    )
    assert (blobs.root / "blobs.tflite").read_bytes() == before


@pytest.mark.parametrize(
    ("directory", "why"),
    [
        ("blobs.py", "blobs.py cannot be written: Not a directory"),
        ("blobs.py/models", "blobs.py cannot be written: Not a directory"),
        ("/proc/models", "/proc cannot be written: No such file or directory"),
    ],
)
def test_a_directory_that_cannot_be_written_is_an_error_before_anything_is_built(
    blobs: Project, directory: str, why: str
) -> None:
    blobs.write("other.budget.yaml", ONE)
    result = blobs.pytest(f"--budget-artifacts={directory}")
    assert result.exitcode == 2
    result.has(
        f"artifacts cannot be copied to {directory}: {why}; "
        "name another directory with --budget-artifacts=DIR",
        "Interrupted: 1 error during collection",
    )
    assert not (blobs.root / ".modelbudget").exists()
    both = ("--continue-on-collection-errors", f"--budget-artifacts={directory}")
    assert blobs.pytest(*both).exitcode == 1
    assert not (blobs.root / ".modelbudget").exists()


def test_a_damaged_list_is_an_error_before_anything_is_built(blobs: Project) -> None:
    outside = blobs.write("outside.tflite", "not to be removed")
    files = {"../outside.tflite": "../gone.budget.yaml"}
    blobs.write("dist/.modelbudget-artifacts.json", json.dumps({"version": 1, "files": files}))
    result = ship(blobs)
    assert result.exitcode == 2
    result.has(
        "dist/.modelbudget-artifacts.json is damaged, so it is not known which files "
        "--budget-artifacts copied; delete it, and delete the artifacts beside it"
    )
    assert outside.exists()
    assert not (blobs.root / ".modelbudget").exists()


LATE = """
from pathlib import Path

import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    Path("dist").write_text("in the way")
"""


def test_a_directory_that_cannot_be_written_any_more_fails_the_session(built: Project) -> None:
    built.write("conftest.py", LATE)
    result = ship(built)
    assert result.exitcode == 1
    assert lines(result) == [
        f"--budget-artifacts: [Errno 17] File exists: '{built.root / 'dist'}'",
    ]
    assert "Traceback" not in result.output


TARGET = """
import hashlib

def measure(model):
    print(model, file=open("seen.txt", "w"))
    model.write_bytes(model.read_bytes()[:-1] + b"X")
    return {"latency_s": 0.001, "size_bytes": model.stat().st_size}
"""


def test_a_target_that_writes_to_its_model_gets_a_copy(built: Project) -> None:
    built.write("board.py", TARGET)
    built.write(
        "blobs.budget.yaml",
        "version: 1\nmodel: blobs.tflite\nlatency: {target: 'board:measure'}\n"
        "budget: {max_latency: 2 ms, max_gzip_bytes: 1 MB}\n",
    )
    result = ship(built, "-v")
    assert set(outcomes(result.output).values()) == {"PASSED"}
    seen = Path((built.root / "seen.txt").read_text().strip())
    assert "entries" not in seen.parts
    content = (built.root / "dist" / "blobs.tflite").read_bytes()
    assert content == (built.root / "blobs.tflite").read_bytes()
    stored = [*(built.root / ".modelbudget" / "entries").rglob("model.tflite")]
    assert content in [each.read_bytes() for each in stored]
    for each in stored:
        manifest = json.loads(each.with_name("entry.json").read_text())
        assert hashlib.sha256(each.read_bytes()).hexdigest() == manifest["sha256"]["model.tflite"]
