"""What reports show of a variant beside its limits; it is never judged."""

from pydantic import ConfigDict

from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.contents import Contents


class _Detail(Frozen):
    model_config = ConfigDict(allow_inf_nan=False)


class StageEffect(_Detail):
    """The model after one stage of its recipe, converted.

    Attributes:
        name: The stage; empty for the model that the recipe starts from.
        size_bytes: Of the artifact.
        gzip_bytes: Of the artifact deflated at level 9.
        score: In the metric's own units; None if no limit needs a score.
    """

    name: str
    size_bytes: int
    gzip_bytes: int
    score: float | None


class LatencyDistribution(_Detail):
    """The latencies of single invocations on this machine.

    Attributes:
        percentiles_s: From the 0th to the 100th, in seconds.
        counted: Number of invocations that they are computed from.
        invocations: Number of timed invocations.
        threads: Number of threads of one invocation.
        delegate: ``XNNPACK``, or ``built-in kernels``.
        cpu: The name of the CPU.
        governor: The frequency governor of the CPU, or ``unknown``.
    """

    percentiles_s: Sequence[float]
    counted: int
    invocations: int
    threads: int
    delegate: str
    cpu: str
    governor: str


class ToolVersion(_Detail):
    """The version of a tool, or of another package, that the results depend on."""

    name: str
    version: str


class RecordedFile(_Detail):
    """A file of the user's that was read for the artifact; without a digest it did not exist."""

    path: str
    sha256: str


class RecordedVariable(_Detail):
    """An environment variable that was read for the artifact.

    Attributes:
        name: ``*`` stands for the names of all.
        sha256: Of its value, which may be a secret; empty if it was not set.
    """

    name: str
    sha256: str


class Omission(_Detail):
    """A detail that could not be found out, and why."""

    what: str
    why: str


class VariantDetails(_Detail):
    """What is known of one variant beside its limits; what was not set is not known.

    Attributes:
        recipe: Its stages as they are written, presets expanded.
        metric: The name of the metric.
        higher_is_better: Whether a higher score is better.
        stages: The model that the recipe starts from, after each stage, and the artifact.
        latency: None if no limit needs it.
        contents: Where the bytes of the artifact are; None if that is not known.
        tools: The versions of all tools.
        files: What was read for the artifact.
        variables: The environment variables that were read for the artifact.
        packages: The packages that were imported to make the artifact.
        omitted: The details that could not be found out.
    """

    recipe: Sequence[str] = ()
    metric: str = ""
    higher_is_better: bool = True
    stages: Sequence[StageEffect] = ()
    latency: LatencyDistribution | None = None
    contents: Contents | None = None
    tools: Sequence[ToolVersion] = ()
    files: Sequence[RecordedFile] = ()
    variables: Sequence[RecordedVariable] = ()
    packages: Sequence[ToolVersion] = ()
    omitted: Sequence[Omission] = ()

    def with_those_of(self, other: "VariantDetails") -> "VariantDetails":
        """Return these and ``other``, which is about the same variant."""
        return self.model_copy(
            update={name: getattr(other, name) for name in other.model_fields_set}
        )
