"""What the engine is given where pytest would collect a budget file."""

import subprocess
import sys
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pytest_modelbudget.engine.pipeline import PipelineOptions
from pytest_modelbudget.engine.supported_versions import unsupported_versions
from pytest_modelbudget.errors import ModelBudgetError, not_utf8

_PLUGINS = ("modelbudget", "pytest_modelbudget.gate.printed_options")


def project_options(folder: Path) -> PipelineOptions:
    """Ask pytest for its rootdir, its cache, and where modules are found.

    Args:
        folder: Where the budget file is, or will be.

    Raises:
        ModelBudgetError: If these versions are not supported, or pytest cannot be configured here.
    """
    # With -P, the working directory is not on sys.path, as it is not for the program ``pytest``.
    command = [sys.executable, "-P", "-m", "pytest", "-p", _PLUGINS[0], "-p", _PLUGINS[1]]
    given = [str(folder)] if folder.is_dir() else []
    done = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
    problems = [*unsupported_versions()]
    if done.returncode == 0:
        try:
            line = done.stdout.rstrip().rpartition("\n")[2]
            options = TypeAdapter(PipelineOptions).validate_json(line)
        except ValidationError:
            problems.append(f"pytest did not answer: {done.stdout}{done.stderr}".strip())
        else:
            paths = (options.cache_dir, *options.project.search_path)
            problems += filter(None, map(not_utf8, paths))
            if not problems:
                return options
    else:
        problems.append(f"pytest cannot run here: {(done.stderr or done.stdout).strip()}")
    raise ModelBudgetError("\n".join(problems))
