"""A target of the user's own: ``package.module:callable``, called with the path of the model."""

from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.measurement_jobs import TargetJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.targets.answer import figures_of
from pytest_modelbudget.workers.userdata.usercode import enter, load_callable, user_code


def measure(reference: str, job: TargetJob, progress: Progress) -> Figures:
    """Call the user's function with the model's ``pathlib.Path``.

    Raises:
        JobError: If the function cannot be loaded, raises, or does not return a valid answer.
    """
    enter(job.project)
    function = load_callable(reference)
    progress(f"calling {reference}")
    with user_code(reference):
        answer = function(job.model)
    return figures_of(answer, reference, f"answered by {reference}")
