"""How paths are written so that a project may lie elsewhere."""

from pathlib import Path

import pytest

from pytest_modelbudget.protocol.project import Project


@pytest.mark.parametrize(
    ("rootdir", "path", "portable"),
    [
        ("/home/me", "/home/me/data/x.npz", "data/x.npz"),
        ("/home/me", "/home/me/", "."),
        ("/home/me", "/home/me/../you/x.npz", "/home/you/x.npz"),
        ("/home/me", "/home/menu/x.npz", "/home/menu/x.npz"),
        ("/home/me", "/home", "/home"),
        ("/", "/home/me", "home/me"),
        ("/", "/", "."),
    ],
)
def test_paths_below_rootdir_are_relative_to_it(rootdir: str, path: str, portable: str) -> None:
    assert Project(rootdir=Path(rootdir), sys_path=()).portable(path) == portable


def test_a_relative_path_begins_where_the_process_is() -> None:
    project = Project(rootdir=Path.cwd(), sys_path=())
    assert project.portable("tests/x.npz") == "tests/x.npz"
