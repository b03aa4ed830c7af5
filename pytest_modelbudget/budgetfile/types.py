"""What the keys of a budget file name: models, data, a metric, a target, and how to train."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, Strict

from pytest_modelbudget.frozen import Frozen, Sequence

Positive = Annotated[int, Strict(), Field(ge=1, le=10**9)]
PositiveFloat = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]


class CallSource(Frozen):
    """``package.module:callable``, with the keyword arguments it is called with."""

    call: str
    args: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module part of ``package.module:callable``."""
        return self.call.partition(":")[0]

    def __str__(self) -> str:
        return self.call


class FileSource(Frozen):
    """An absolute path: a model in one of the supported formats, or an ``.npz``."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Source = CallSource | FileSource


class Data(Frozen):
    """Where samples come from. Each yields ``(x, y)``; see ``workers/userdata/datasets.py``."""

    train: Source | None = None
    test: Source | None = None
    calibration: Source | None = None


class Metric(Frozen):
    """A built-in metric by its name, or ``call`` for one of the user's own.

    ``output`` is the output of the model that it reads, empty for the only one. ``outputs`` are
    those that a metric of the user's own gets as a dict.
    """

    name: Literal["accuracy", "top_k_accuracy", "auc", "f1", "mae", "mse", "call"] = "accuracy"
    k: Positive = 5
    call: str | None = None
    higher_is_better: bool = True
    output: str = ""
    outputs: Sequence[str] = ()

    @property
    def lies_between_0_and_1(self) -> bool:
        """Whether no value is below 0 or above 1; of a metric of the user's own it is not known."""
        return self.name in ("accuracy", "top_k_accuracy", "auc", "f1")

    def __str__(self) -> str:
        name = self.call or (f"top_{self.k}_accuracy" if "_k_" in self.name else self.name)
        read = self.output or " and ".join(self.outputs)
        return f"{name} of {read}" if read else name


class Training(Frozen):
    """Defaults for the stages that train; ``None`` is what the model was compiled with."""

    loss: str | None = None
    optimizer: str | None = None
    learning_rate: PositiveFloat | None = None
    batch_size: Positive | None = None


class CommandTarget(Frozen):
    """A board reached by a command: ``{model}`` in it is replaced by the file."""

    command: Sequence[str]

    def __str__(self) -> str:
        return " ".join(self.command)


class Latency(Frozen):
    """How latency is taken: on what, with how many threads, on how many samples at once."""

    target: str | CommandTarget = "host"
    threads: Positive = 1
    batch_size: Positive = 1
