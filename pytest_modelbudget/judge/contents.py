"""Where the bytes of an artifact are: its tensors, and what is not a tensor."""

from typing import Literal, Self

from pydantic import model_validator

from pytest_modelbudget.frozen import Frozen, Sequence
from pytest_modelbudget.judge.results.artifact_forms import Form

Grouping = Literal["layer", "operator", "dtype"]
Scales = Literal["none", "per tensor", "per channel", "blockwise"]


class StoredPart(Frozen):
    """Some bytes of an artifact.

    Attributes:
        name: What they are, such as ``names``.
        size_bytes: In the artifact.
        gzip_bytes: In the artifact deflated at level 9.
    """

    name: str
    size_bytes: int
    gzip_bytes: int


class StoredTensor(StoredPart):
    """A tensor whose values are in the file; tensors that share values count as one.

    Attributes:
        name: In the file; empty if names were stripped.
        layer: The layers that the operator which reads it computes, ``outer/inner`` in a nested
            model; empty if they are not known.
        operator: What reads it first, such as ``CONV_2D``; in a ``.keras`` file the class of its
            layer, or ``optimizer``; in a SavedModel ``signature``, ``optimizer`` or ``nothing``;
            empty if it is not known.
        dtype: As stored, such as ``int4``.
        shape: Of the dense tensor.
        sparsity: The share of its values that stand for 0; None if they are not numbers.
        unique: How many different values it has, or its channel with the most if each channel has
            its own scale; None if they are not numbers.
        scales: How it is quantized.
    """

    layer: str
    operator: str
    dtype: str
    shape: Sequence[int]
    sparsity: float | None
    unique: int | None
    scales: Scales = "none"


class Contents(Frozen):
    """All that is in an artifact: every byte of it belongs to one tensor or one other part.

    Attributes:
        form: What the artifact is.
        size_bytes: Of the file, or of all files of the folder.
        gzip_bytes: Of the file, or of an archive of the folder, deflated at level 9.
        tensors: The largest first.
        others: The largest first.

    Raises:
        ValueError: If the bytes of its parts do not add up to those of the artifact.
    """

    form: Form
    size_bytes: int
    gzip_bytes: int
    tensors: Sequence[StoredTensor]
    others: Sequence[StoredPart]

    @property
    def indefinite_form(self) -> str:
        """Its form with the other article, such as ``a .tflite``."""
        return self.form.replace("the", "a", 1)

    def totals(self, by: Grouping) -> tuple[StoredPart, ...]:
        """Return what the tensors of each layer, operator or dtype take, the largest first."""
        groups: dict[str, list[StoredTensor]] = {}
        for tensor in self.tensors:
            groups.setdefault(getattr(tensor, by), []).append(tensor)
        parts = [
            StoredPart(
                name=name,
                size_bytes=sum(tensor.size_bytes for tensor in group),
                gzip_bytes=sum(tensor.gzip_bytes for tensor in group),
            )
            for name, group in groups.items()
        ]
        return tuple(sorted(parts, key=lambda part: part.size_bytes, reverse=True))

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        parts = (*self.tensors, *self.others)
        found = [sum(each.size_bytes for each in parts), sum(each.gzip_bytes for each in parts)]
        if found != [self.size_bytes, self.gzip_bytes]:
            raise ValueError(f"{found} B found of {self.size_bytes} and {self.gzip_bytes} B")
        return self
