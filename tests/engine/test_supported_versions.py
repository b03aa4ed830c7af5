from collections.abc import Mapping
from importlib import metadata

import pytest

from pytest_modelbudget.engine.supported_versions import platform_problems, unsupported_versions
from tests.conftest import Project, first_on_path

RANGE = '"tensorflow>=2.16,<2.22"'
OURS = "pytest-modelbudget"


def pretend(
    project: Project, versions: Mapping[str, str], requires: Mapping[str, list[str]]
) -> dict[str, str]:
    """Return an environment whose metadata has these versions and further requirements."""
    folder = project.root / "pretended"
    for name in {**versions, **requires}:
        version = versions.get(name) or metadata.version(name)
        required = [*(metadata.requires(name) or []), *requires.get(name, [])]
        ranges = metadata.metadata(name).get_all("Requires-Python", [])
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            f"Version: {version}",
            *(f"Requires-Python: {each}" for each in ranges),
            *(f"Requires-Dist: {each}" for each in required),
        ]
        path = folder / f"{name.replace('-', '_')}-{version}.dist-info" / "METADATA"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines) + "\n")
    return first_on_path(folder)


def test_this_environment_is_supported() -> None:
    assert unsupported_versions() == ()


@pytest.mark.parametrize(
    ("system", "python", "expected"),
    [
        ("linux", "3.10.14", ["Python 3.10.14 is not supported: install Python >=3.11,<3.14"]),
        ("linux", "3.11.0", []),
        ("linux", "3.13.9", []),
        ("linux", "3.14.0", ["Python 3.14.0 is not supported: install Python >=3.11,<3.14"]),
        ("darwin", "3.12.1", ["darwin is not supported: run pytest on Linux"]),
    ],
)
def test_the_platform(system: str, python: str, expected: list[str]) -> None:
    assert list(platform_problems(system, python)) == expected


REFUSED: dict[str, tuple[dict[str, str], dict[str, list[str]], list[str]]] = {
    "too old": (
        {"tensorflow": "2.15.1"},
        {},
        [f"tensorflow 2.15.1 is not supported: install {RANGE}"],
    ),
    "too new": (
        {"tensorflow": "2.22.0", "tf-keras": "2.22.0"},
        {},
        [
            f"tensorflow 2.22.0 is not supported: install {RANGE}",
            'tf-keras 2.22.0 is not supported: install "tf-keras>=2.16,<2.22"',
        ],
    ),
    "tf-keras of another minor": (
        {"tensorflow": "2.18.1", "tf-keras": "2.17.0"},
        {},
        ['tf-keras 2.17.0 does not match tensorflow 2.18.1: install "tf-keras==2.18.*"'],
    ),
    "ai-edge-litert of another release": (
        {"ai-edge-litert": "2.2.0"},
        {},
        [
            "ai-edge-litert 2.2.0 does not match ai-edge-quantizer 0.10.0: "
            'install "ai-edge-litert==2.3.0"'
        ],
    ),
    "missing": (
        {},
        {OURS: ["absent>=1.2", "elsewhere; python_version < '3'", "unasked; extra == 'dev'"]},
        ['absent is missing: install "absent>=1.2"'],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_problem_is_one_line_before_anything_is_built(blobs: Project, case: str) -> None:
    versions, requires, lines = REFUSED[case]
    result = blobs.pytest(env=pretend(blobs, versions, requires))
    assert result.exitcode == pytest.ExitCode.USAGE_ERROR
    errors = [line for line in result.output.splitlines() if "ERROR" in line]
    assert errors == [f"ERROR: {line}" for line in lines]
    assert "Traceback" not in result.output
    assert not (blobs.root / ".modelbudget").exists()


def test_under_xdist_every_limit_shows_the_problem(blobs: Project) -> None:
    result = blobs.pytest("-n2", env=pretend(blobs, {"tensorflow": "2.15.1"}, {}))
    assert result.exitcode == pytest.ExitCode.TESTS_FAILED
    result.has("5 errors")
    told = result.output.count(f"\ntensorflow 2.15.1 is not supported: install {RANGE}\n")
    assert told == 5
    assert "Traceback" not in result.output


def test_the_latest_supported_pair_is_not_refused(blobs: Project) -> None:
    versions = {"tensorflow": "2.21.3", "tf-keras": "2.21.0"}
    result = blobs.pytest("-k", "float32", env=pretend(blobs, versions, {}))
    assert result.exitcode == pytest.ExitCode.OK, result.output


def test_collecting_refuses_nothing(blobs: Project) -> None:
    env = pretend(blobs, {"tensorflow": "2.15.1"}, {})
    assert blobs.pytest("--collect-only", env=env).exitcode == pytest.ExitCode.OK
