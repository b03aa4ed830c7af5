"""The GitHub Action and the pre-commit hook of this repository, run as these programs run them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ZYGOTES, Project

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
GH = """#!/bin/sh
echo "$@" >> calls
case "$*" in *--jq*) cat ids ;; esac
"""


def step(name: str) -> dict[str, Any]:
    """Return the step whose script contains ``name``."""
    steps: list[dict[str, Any]] = ACTION["runs"]["steps"]
    (found,) = [each for each in steps if name in each.get("run", "")]
    return found


def run(project: Project, name: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as the runner does, with ``env`` in place of its expressions."""
    found = step(name)
    assert env.keys() == found["env"].keys()
    own = os.environ | env | {"RUNNER_TEMP": str(project.root), "GITHUB_OUTPUT": "output"}
    own |= {"PATH": f"{project.root / 'bin'}:{own['PATH']}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]],
        cwd=project.root,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_runs_pytest_and_fails_with_it(built: Project) -> None:
    built.edit("blobs.budget.yaml", "max_bytes: 6300", "max_bytes: 6299")
    options = "-p modelbudget -k max_bytes"
    env = {"PATHS": "blobs.budget.yaml .", "OPTIONS": options, "PYTHON": ZYGOTES.interpreter()}
    done = run(built, "-m pytest", env)
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed" in done.stdout
    markdown = built.root / "modelbudget.md"
    assert "## Model budgets: 1 exceeded of 2 limits" in markdown.read_text()
    assert (built.root / "output").read_text() == f"markdown={markdown}\n"


def test_the_action_updates_its_own_comment(project: Project) -> None:
    gh = project.write("bin/gh", GH)
    gh.chmod(0o755)
    report = project.write("report.md", "<!-- pytest-modelbudget -->\n")
    env = {"GH_TOKEN": "", "COMMENTS": "c", "COMMENT": "one", "MARKDOWN": str(report)}
    for ids, call in [
        ("", f"api --method POST c --field body=@{report}"),
        ("7\n8\n", f"api --method PATCH one/7 --field body=@{report}"),
    ]:
        project.write("ids", ids)
        assert run(project, "gh api", env).returncode == 0
        assert (project.root / "calls").read_text().splitlines()[-1] == call
    gh.write_text("#!/bin/sh\nexit 1\n")
    refused = run(project, "gh api", env)
    assert (refused.returncode, refused.stdout) == (
        0,
        "::warning::the pull request could not be commented\n",
    )


def test_the_hook_of_pre_commit_finds_a_mistake(blobs: Project) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    blobs.write(".pre-commit-config.yaml", yaml.safe_dump(config))
    blobs.edit("blobs.budget.yaml", "max_bytes: 6300", "max_byte: 6300")
    git = ["git", "-C", str(blobs.root)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {"PATH": path, "PRE_COMMIT_HOME": str(blobs.root / "home")}
    done = blobs.run("-m", "pre_commit", "run", "--all-files", env=env)
    assert done.exitcode == 1
    done.has("budget files", "Failed", "unknown key 'max_byte'; did you mean 'max_bytes'?")
