"""The documents of ``modelbudget inspect --json``, and their JSON Schema."""

from typing import Any, Literal, Self

from pytest_modelbudget.frozen import Frozen
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.judge.contents_diff import ContentsDiff, diff
from pytest_modelbudget.judge.results.artifact_forms import Form
from pytest_modelbudget.report.published_schema import published_schema


class ContentsDocument(Contents):
    """The contents of one artifact.

    Attributes:
        version: Of this document.
        file: The path that was given.
    """

    version: Literal[1] = 1
    file: str

    @classmethod
    def of(cls, file: str, contents: Contents) -> Self:
        """Return the document about a file."""
        return cls(file=file, **dict(contents))


class InspectedFile(Frozen):
    """One of two artifacts."""

    file: str
    size_bytes: int
    gzip_bytes: int

    @classmethod
    def of(cls, file: str, contents: Contents) -> Self:
        """Return what is said of a file."""
        return cls(file=file, size_bytes=contents.size_bytes, gzip_bytes=contents.gzip_bytes)


class ContentsDiffDocument(ContentsDiff):
    """What differs between two artifacts of the same form.

    Attributes:
        version: Of this document.
        form: Of both.
        old: The artifact before.
        new: The artifact after.
    """

    version: Literal[1] = 1
    form: Form
    old: InspectedFile
    new: InspectedFile

    @classmethod
    def of(cls, files: tuple[str, str], old: Contents, new: Contents) -> Self:
        """Return the document about two files."""
        return cls(
            form=new.form,
            old=InspectedFile.of(files[0], old),
            new=InspectedFile.of(files[1], new),
            **dict(diff(old, new)),
        )


def inspect_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of both documents: of one file, or of a difference."""
    return published_schema(ContentsDocument | ContentsDiffDocument)
