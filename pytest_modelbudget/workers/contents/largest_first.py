"""From the parts that a file was divided into to its contents."""

from collections.abc import Iterable
from operator import attrgetter

from pytest_modelbudget.judge.contents import Contents, StoredPart, StoredTensor
from pytest_modelbudget.judge.results.artifact_forms import Form
from pytest_modelbudget.workers.contents.byte_shares import NOTHING, ByteShare

_SIZE = attrgetter("size_bytes")


def largest_first(
    form: Form,
    size_bytes: int,
    tensors: Iterable[StoredTensor],
    others: Iterable[tuple[str, ByteShare]],
) -> Contents:
    """Return the contents of an artifact.

    Args:
        form: What it is.
        size_bytes: Of the file, or of all files of the folder.
        tensors: In any order.
        others: What is not a tensor, by its name; a name may come several times.

    Raises:
        ValueError: If the parts do not add up to ``size_bytes``.
    """
    shares: dict[str, ByteShare] = {}
    for name, share in others:
        shares[name] = shares.get(name, NOTHING) + share
    found = sorted(tensors, key=_SIZE, reverse=True)
    rest = [
        StoredPart(name=name, **vars(share)) for name, share in shares.items() if share != NOTHING
    ]
    return Contents(
        form=form,
        size_bytes=size_bytes,
        gzip_bytes=sum(each.gzip_bytes for each in (*found, *rest)),
        tensors=tuple(found),
        others=tuple(sorted(rest, key=_SIZE, reverse=True)),
    )
