"""Artifacts that are folders, in the directory of ``--budget-artifacts``."""

from pathlib import Path

import pytest

from pytest_modelbudget.protocol.digests import content_digest
from pytest_modelbudget.report.record import CollectedVariant
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.report.shipped_files import ShippedFiles

VARIANT = CollectedVariant("m.budget.yaml", "served", path="/m.budget.yaml", form="the SavedModel")
NAME = "m.served.saved_model"


def made(folder: Path, text: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "graph").write_text(text)
    (folder / "variables" / "data").write_text(text)
    return folder


def row(artifact: Path, sha256: str = "") -> Row:
    sha256 = sha256 or content_digest(artifact)
    return Row("m.budget.yaml", "max_bytes", "", artifact=str(artifact), sha256=sha256)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "dist").mkdir()
    return tmp_path / "dist"


def files(dist: Path) -> list[str]:
    return sorted(str(each.relative_to(dist)) for each in dist.rglob("*") if each.is_file())


def test_a_folder_takes_the_place_of_an_older_one(tmp_path: Path, dist: Path) -> None:
    shipped = ShippedFiles(dist)
    shipped.add([VARIANT])
    for text in ("old", "new"):
        assert shipped.copy(VARIANT, [row(made(tmp_path / text, text))]) == ""
    assert files(dist) == [".modelbudget-artifacts.json", f"{NAME}/graph", f"{NAME}/variables/data"]
    assert (dist / NAME / "variables" / "data").read_text() == "new"
    shipped.remove([NAME])
    assert files(dist) == []


@pytest.mark.parametrize("before", ["file", "nothing", "folder"])
def test_another_folder_than_the_one_that_was_judged_is_refused(
    before: str, tmp_path: Path, dist: Path
) -> None:
    if before == "file":
        (dist / NAME).write_text("a file of that name")
    elif before == "folder":
        made(dist / NAME, "old")
    was = files(dist)
    artifact = made(tmp_path / "new", "new")
    assert ShippedFiles(dist).copy(VARIANT, [row(artifact, "0" * 64)]) == (
        f"{artifact} is not the file that all its limits were judged on; run pytest again"
    )
    assert files(dist) == was


def test_a_folder_takes_the_place_of_a_file(tmp_path: Path, dist: Path) -> None:
    (dist / NAME).write_text("a file of that name")
    assert ShippedFiles(dist).copy(VARIANT, [row(made(tmp_path / "new", "new"))]) == ""
    assert files(dist) == [f"{NAME}/graph", f"{NAME}/variables/data"]


def test_what_the_variant_was_before_has_another_name() -> None:
    assert VARIANT.artifact_name == NAME
    assert VARIANT.other_names == ["m.served.tflite", "m.served.keras"]
