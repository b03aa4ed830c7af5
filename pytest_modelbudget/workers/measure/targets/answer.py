"""What a command or a callable of the user's answers, checked."""

from collections.abc import Mapping

import numpy as np
from pydantic import ValidationError

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results import Answer, Figures

_KEYS = ", ".join(Answer.model_fields)


def figures_of(answer: object, who: str, how: str) -> Figures:
    """Turn an answer into figures.

    Args:
        answer: A number of seconds, or a mapping with the fields of ``Answer``.
        who: Whose answer it is, as the error is to name it.
        how: How the figures were taken.

    Raises:
        JobError: It is neither, or a number in it cannot be: NaN, infinite, zero or negative.
    """
    known = dict(answer) if isinstance(answer, Mapping) else {"latency_s": answer}
    known = {name: _plain(value) for name, value in known.items()}
    try:
        return Figures(**Answer.model_validate(known).model_dump(), how=how)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = ".".join(map(str, wrong["loc"]))
        raise JobError(
            f"{who} answered {answer!r:.120}: {name}: {wrong['msg']}",
            f"answer seconds above 0, or a mapping of {_KEYS}",
        ) from error


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
