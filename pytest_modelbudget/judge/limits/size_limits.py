"""Bytes of the file."""

from pytest_modelbudget.judge.findings import Findings, Measurement, present
from pytest_modelbudget.judge.limits.limit_kind import FigureLimit
from pytest_modelbudget.units.format import format_bytes
from pytest_modelbudget.units.written import Size

_SMALLER = "a smaller recipe (`modelbudget recipes` lists them), or a smaller architecture"


class MaxBytes(FigureLimit):
    """The ``.tflite``, or what TensorFlow serves, as it is; on a target, what is stored there."""

    name = "max_bytes"
    description = "the .tflite as it is"
    base_unit = "bytes"
    written = Size
    needs = frozenset({"artifact"})
    advice = _SMALLER
    target_field = "size_bytes"
    figure = "bytes"
    names_tensors = True

    def read(self, findings: Findings) -> Measurement:
        """Read the size of the file."""
        return Measurement(findings.artifact.size_bytes, f"{findings.artifact.form} as it is")

    def read_on_target(self, findings: Findings) -> Measurement:
        """Read what is stored on the target, or the size of the file if it stores that."""
        if present(findings.figures).size_bytes is None:
            return self.read(findings)
        stored = super().read_on_target(findings)
        tflite = format_bytes(findings.artifact.size_bytes)
        return Measurement(stored.value, f"on the target, {stored.how}; the .tflite has {tflite}")


class MaxGzipBytes(FigureLimit):
    """The deflated ``.tflite``, as an app store or a web server sends it.

    Of a SavedModel, the deflated archive of the folder.
    """

    name = "max_gzip_bytes"
    description = "the .tflite deflated at level 9"
    base_unit = "bytes"
    written = Size
    needs = frozenset({"artifact"})
    advice = _SMALLER
    figure = "gzip_bytes"
    names_tensors = True

    def read(self, findings: Findings) -> Measurement:
        """Read the size of the deflated file."""
        return Measurement(
            findings.artifact.gzip_bytes, f"{findings.artifact.form} deflated at level 9"
        )
