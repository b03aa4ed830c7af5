"""Bytes: of the file, and of memory."""

from pytest_modelbudget.judge.findings import Findings, Measurement, present


def size(findings: Findings) -> Measurement:
    """Read the size of the file."""
    return Measurement(findings.artifact.size_bytes, "the .tflite as it is")


def gzip_size(findings: Findings) -> Measurement:
    """Read the size of the deflated file."""
    return Measurement(findings.artifact.gzip_bytes, "the .tflite deflated at level 9")


def memory(findings: Findings) -> Measurement:
    """Read what one inference needs beside the weights."""
    arena = present(findings.arena)
    beside = f", {arena.beside_bytes:,} B beside it" if arena.beside_bytes else ""
    how = (
        f"arena of {arena.planned_bytes:,} B planned by LiteRT{beside}; "
        f"{arena.live_bytes:,} B of activations live at once"
    )
    return Measurement(arena.planned_bytes + arena.beside_bytes, how)
