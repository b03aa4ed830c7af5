"""Any board that a command reaches: ``{model}`` is replaced, JSON comes back."""

import json
from pathlib import Path

from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results import Figures
from pytest_modelbudget.protocol.jobs import Progress, TargetJob
from pytest_modelbudget.workers.measure.targets.answer import figures_of
from pytest_modelbudget.workers.measure.targets.program import last_words, run


def measure(job: TargetJob, progress: Progress) -> Figures:
    """Run the command in rootdir, and read the JSON on its standard output.

    Raises:
        JobError: It cannot be started, fails, hangs, or writes anything but an answer.
    """
    assert isinstance(job.target, CommandTarget)
    command = [part.replace("{model}", str(job.model)) for part in job.target.command]
    progress(f"running {Path(command[0]).name}")
    output = run(command, job.timeout_s, job.project.rootdir)
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise JobError(
            f"{command[0]} wrote no JSON to its standard output{last_words(output)}",
            'write seconds such as 0.0021, or {"latency_s": 0.0021}, and nothing else',
        ) from error
    return figures_of(answer, command[0], f"answered by {job.target}")
