"""A target of the user's own: ``package.module:callable``, given the path of the ``.tflite``."""

from pytest_modelbudget.judge.results import Figures
from pytest_modelbudget.protocol.jobs import Progress, TargetJob
from pytest_modelbudget.workers.measure.targets.answer import figures_of
from pytest_modelbudget.workers.userdata.usercode import enter, load_callable, user_code


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
