"""What a target other than this machine reports."""

from typing import Annotated

from pydantic import Field

from pytest_modelbudget.frozen import Frozen

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]


class Answer(Frozen):
    """What a target reports about one inference.

    Attributes:
        latency_s: The median in seconds, or the only latency that the target knows.
        p90_s: The 90th percentile in seconds, if the target measures it.
        p99_s: The 99th percentile in seconds, if the target measures it.
        memory_bytes: RAM that the inference needs.
        size_bytes: Size of what is stored on the target instead of the ``.tflite``.
    """

    latency_s: Seconds
    p90_s: Seconds | None = None
    p99_s: Seconds | None = None
    memory_bytes: Bytes | None = None
    size_bytes: Bytes | None = None


class Figures(Answer):
    """A target's answer, and ``how`` it was taken: by which tool, on which device."""

    how: str
