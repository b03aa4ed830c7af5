"""Bytes of RAM during one inference."""

from pytest_modelbudget.judge.accepted import Environment
from pytest_modelbudget.judge.findings import Findings, Measurement, present
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit
from pytest_modelbudget.units.format import format_bytes
from pytest_modelbudget.units.written import Size


class MaxMemory(FigureLimit):
    """What one inference needs beside the weights."""

    name = "max_memory"
    description = "the tensor arena of one inference"
    base_unit = "bytes"
    written = Size
    needs = frozenset({"artifact", "arena"})
    advice = "`quantize: {scheme: int8}`, a smaller input, or a smaller architecture"
    target_field = "memory_bytes"
    figure = "memory"

    def read(self, findings: Findings) -> Measurement:
        """Read LiteRT's arena, and what its kernels allocate beside it."""
        arena = present(findings.arena)
        beside = f", {format_bytes(arena.beside_bytes)} beside it" if arena.beside_bytes else ""
        how = (
            f"arena of {format_bytes(arena.planned_bytes)} planned by LiteRT{beside}; "
            f"{format_bytes(arena.live_bytes)} of activations live at once"
        )
        return Measurement(arena.planned_bytes + arena.beside_bytes, how)

    def environment(self, findings: Findings) -> Environment:
        """Return the tools, and the size of the batch."""
        return {**super().environment(findings), "batch_size": str(findings.batch_size)}
