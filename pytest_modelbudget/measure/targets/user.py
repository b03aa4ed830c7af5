"""A target of the user's own: ``package.module:callable``, given the path of the ``.tflite``."""

from pytest_modelbudget.jobs import Progress, TargetJob
from pytest_modelbudget.measure.targets.answer import figures_of
from pytest_modelbudget.results import Figures
from pytest_modelbudget.worker.usercode import enter, load_callable, user_code


def measure(job: TargetJob, progress: Progress) -> Figures:
    """Call the user's function with the model's ``pathlib.Path``.

    Raises:
        JobError: It cannot be loaded, raises, or returns anything but an answer.
    """
    reference = str(job.target)
    enter(job.project)
    function = load_callable(reference)
    progress(f"calling {reference}")
    with user_code(reference):
        answer = function(job.model)
    return figures_of(answer, reference, f"answered by {reference}")
