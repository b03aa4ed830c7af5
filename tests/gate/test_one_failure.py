"""A failed build is shown once in full; the other items that need it refer to that."""

import re

import pytest

from tests.conftest import Project, Result, outcomes

FILE = "blobs.budget.yaml"
SHARED = """
version: 1
model: blobs.tflite
data: {test: blobs:test, calibration: data:calibration}
recipe: int8
variants:
  small:
    budget: {max_bytes: 7 kB, max_accuracy_drop: 10 pp}
  fast:
    latency: {threads: 1}
    budget: {max_gzip_bytes: 7 kB}
  other:
    recipe: [quantize: {scheme: int8, io: int8}]
    budget: {max_bytes: 7 kB}
  unplanned:
    data: {calibration: unreadable.npz}
    budget: {max_bytes: 7 kB, max_gzip_bytes: 7 kB}
"""
CODE = "def calibration():\n    print('reading')\n    raise ValueError('no such file')\n"
CAUSE = "data:calibration raised ValueError: no such file (data.py:3)"


@pytest.fixture
def failing(blobs: Project) -> Project:
    blobs.write("data.py", CODE)
    blobs.write(FILE, SHARED)
    (blobs.root / "unreadable.npz").symlink_to("/proc/self/mem")  # open() works, read() fails
    return blobs


def errors(result: Result) -> dict[str, str]:
    """Return the text of each error and failure by the item's title."""
    output = re.sub(r"^\[gw\d\] linux .*\n", "", result.output, flags=re.MULTILINE)
    parts = re.split(r"^_+ (?:ERROR at setup of )?(\S+) _+$", output, flags=re.MULTILINE)
    texts = [re.split(r"^=+ .* =+$", part, flags=re.MULTILINE)[0] for part in parts[2::2]]
    return dict(zip(parts[1::2], map(str.strip, texts), strict=True))


def is_complete(error: str) -> bool:
    return [line.partition(" ")[0] for line in error.splitlines()[1:]] == ["log:", "repeat:"]


def test_the_first_item_shows_everything_and_the_others_refer_to_it(failing: Project) -> None:
    result = failing.pytest("-v", env={"COLUMNS": "300"})

    assert set(outcomes(result.output).values()) == {"ERROR"}
    shown = errors(result)
    cause = f"{FILE}:4:1: recipe > int8 > quantize: {CAUSE}"
    assert shown["small::max_bytes"].startswith(f"{cause}\n")
    assert is_complete(shown["small::max_bytes"])
    reference = f"not built: see the error of {FILE}::small::max_bytes"
    for item in ("small::max_accuracy_drop", "fast::max_gzip_bytes"):
        assert shown[item] == f"{reference}\n{cause}"
        assert f"ERROR {FILE}::{item} - {reference}\n" in result.output
    # Another step, of another recipe, failed by itself.
    assert shown["other::max_bytes"].startswith(f"{FILE}:12:14: recipe[0] > quantize: {CAUSE}\n")
    assert is_complete(shown["other::max_bytes"])
    # A variant that cannot be planned has no step.
    cause = f"{FILE}:14:3: the build cannot be planned: [Errno 5] Input/output error"
    reference = f"not built: see the error of {FILE}::unplanned::max_bytes"
    assert shown["unplanned::max_bytes"] == cause
    assert shown["unplanned::max_gzip_bytes"] == f"{reference}\n{cause}"


def test_each_xdist_worker_shows_everything_at_most_once(failing: Project) -> None:
    result = failing.pytest("-n2", "-k", "small or fast", env={"COLUMNS": "300"})
    shown = errors(result)
    assert len(shown) == 3
    assert sum(map(is_complete, shown.values())) in (1, 2)
    assert result.output.count("\nnot built: see the error of ") in (1, 2)
    assert "Failed: " not in result.output


MISSING = """
version: 1
{comment}model: {name}.tflite
budget: {{max_bytes: 7 kB}}
"""


def test_each_budget_names_its_own_missing_model(project: Project) -> None:
    for number, name in enumerate("abc"):
        comment = "# a comment\n" * number
        project.write(f"{name}.budget.yaml", MISSING.format(name=name, comment=comment))

    result = project.pytest("-v", env={"COLUMNS": "300"})

    for number, name in enumerate("abc"):
        place = f"{name}.budget.yaml:{number + 2}:8"
        missing = f"{project.root}/{name}.tflite does not exist"
        assert f"{place}: model: {missing}; correct the path" in result.output


def test_a_failure_that_budgets_share_is_reported_at_the_place_of_each(blobs: Project) -> None:
    (blobs.root / "blobs.budget.yaml").unlink()
    for number, name in enumerate("ab"):
        (blobs.root / f"{name}.tflite").write_text("not a model")
        comment = "# a comment\n" * number
        blobs.write(f"{name}.budget.yaml", MISSING.format(name=name, comment=comment))

    result = blobs.pytest("-v", env={"COLUMNS": "300"})

    one, other = blobs.root / "a.tflite", blobs.root / "b.tflite"
    found = f"{one} is not a .tflite; found data that begins with 0x6e6f742061206d6f (11 bytes)"
    assert f"\na.budget.yaml:2:1: convert: {found}\nname a file that " in result.output
    same = f"{other} has the same content as {one}"
    reference = "not built: see the error of a.budget.yaml::max_bytes"
    assert f"\n{reference}\nb.budget.yaml:3:1: convert: {same}: {found}\n" in result.output
