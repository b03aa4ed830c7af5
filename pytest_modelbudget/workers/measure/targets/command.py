"""A board that is reached by a command, which gets the path of the model and answers in JSON."""

import json
from pathlib import Path

from pytest_modelbudget.budgetfile.types import CommandTarget
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.measurement_jobs import TargetJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.targets.answer import figures_of
from pytest_modelbudget.workers.measure.targets.program import output_tail, run


def measure(target: CommandTarget, job: TargetJob, progress: Progress) -> Figures:
    """Run the command in pytest's rootdir, and read the JSON on its standard output.

    ``{model}`` in an argument is replaced by the path of the ``.tflite``.

    Raises:
        JobError: If the command cannot be started, fails, does not end in time, or does not
            write a valid answer.
    """
    arguments = [part.replace("{model}", str(job.model)) for part in target.command]
    program = arguments[0]
    progress(f"running {Path(program).name}")
    output = run(arguments, job.timeout_s, job.project.rootdir)
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:  # nested too deeply for Python's parser
        raise JobError(
            f"{program} did not write JSON to its standard output{output_tail(output)}",
            'write seconds such as 0.0021, or {"latency_s": 0.0021}, and nothing else',
        ) from error
    return figures_of(answer, program, f"answered by {target}")
