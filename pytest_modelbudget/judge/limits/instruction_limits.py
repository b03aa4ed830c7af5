"""Instructions of one inference, which a busy machine does not change."""

from pytest_modelbudget.judge.accepted import Environment
from pytest_modelbudget.judge.findings import Findings, Measurement, present
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit
from pytest_modelbudget.units.written import Count


class MaxInstructions(FigureLimit):
    """The instructions of one inference in LiteRT with XNNPACK and one thread."""

    name = "max_instructions"
    description = "instructions of one inference, counted by Valgrind"
    base_unit = "count"
    written = Count
    needs = frozenset({"artifact", "instructions"})
    advice = "an int8 recipe, operators that XNNPACK has, `prune_channels`, or a smaller model"
    figure = "instructions"

    def read(self, findings: Findings) -> Measurement:
        """Read the count, and the CPU that Valgrind shows."""
        found = present(findings.instructions)
        how = f"one invocation, 1 thread; {found.valgrind} shows {found.cpu}"
        return Measurement(found.count, how)

    def environment(self, findings: Findings) -> Environment:
        """Return the tools, the CPU that Valgrind shows, and the size of the batch."""
        found = present(findings.instructions)
        counted = {"valgrind": found.valgrind.removeprefix("valgrind-"), "cpu": found.cpu}
        return {**findings.tools, **counted, "batch_size": str(findings.batch_size)}
