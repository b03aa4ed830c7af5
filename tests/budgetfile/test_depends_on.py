from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.depends_on import files_of

FILES = [
    "a.txt",
    ".hidden",
    "data/one.csv",
    "data/.two",
    "data/deep/three.csv",
    "x[1].txt",
    "x1.txt",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("a.txt", ["a.txt"]),
        ("data", ["data/.two", "data/deep/three.csv", "data/one.csv"]),
        ("data/", ["data/.two", "data/deep/three.csv", "data/one.csv"]),
        ("d*a", ["data/.two", "data/deep/three.csv", "data/one.csv"]),
        ("data/*", ["data/.two", "data/deep/three.csv", "data/one.csv"]),
        ("**/*.csv", ["data/deep/three.csv", "data/one.csv"]),
        ("*hidden", [".hidden"]),
        ("x[1].txt", ["x[1].txt"]),
        ("x[[]1].txt", ["x[1].txt"]),
        ("x[12].txt", ["x1.txt"]),
        ("none/*", []),
    ],
)
def test_what_an_entry_names(folder: Path, entry: str, expected: list[str]) -> None:
    assert [str(file.relative_to(folder)) for file in files_of(entry, folder)] == expected


def test_a_link_to_a_folder_stands_for_everything_below_it(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "link").symlink_to(folder / "data")
    (elsewhere / "set").mkdir()
    (elsewhere / "set" / "link").symlink_to(folder / "data")
    (elsewhere / "set" / "circle").symlink_to(elsewhere / "set")
    assert len(files_of("link", elsewhere)) == 3
    assert len(files_of("set", elsewhere)) == 3
