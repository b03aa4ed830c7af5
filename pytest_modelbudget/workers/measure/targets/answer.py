"""Checks the answer of a command or of a callable of the user's."""

from collections.abc import Mapping

import numpy as np
from pydantic import ValidationError

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.target_figures import Answer, Figures

_KEYS = ", ".join(Answer.model_fields)


def figures_of(answer: object, who: str, how: str) -> Figures:
    """Convert an answer to figures.

    Args:
        answer: A number of seconds, or a mapping with the fields of ``Answer``.
        who: The program or callable that answered, for error messages.
        how: How the figures were taken, for the report.

    Raises:
        JobError: If the answer has another type or unknown keys, or if a number in it is NaN,
            infinite, or too small: latencies must be above 0 and sizes at least 0.
    """
    fields = dict(answer) if isinstance(answer, Mapping) else {"latency_s": answer}
    fields = {name: _plain(value) for name, value in fields.items()}
    try:
        return Figures(**Answer.model_validate(fields).model_dump(), how=how)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = ".".join(map(str, wrong["loc"]))
        raise JobError(
            f"{who} answered {answer!r:.120}: {name}: {wrong['msg']}",
            f"answer with seconds above 0, or with a mapping of {_KEYS}",
        ) from error


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
