from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.judge.contents import Contents, StoredPart, StoredTensor
from pytest_modelbudget.judge.contents_diff import ContentsDiff, diff

FEW = st.sampled_from(["", "a", "b", "arith.constant1", "a/b"])
SIZES = st.integers(0, 50)
TENSORS = st.builds(
    StoredTensor,
    name=FEW,
    layer=FEW,
    operator=st.sampled_from(["", "CONV_2D", "FULLY_CONNECTED"]),
    dtype=st.sampled_from(["int8", "float32"]),
    shape=st.lists(st.integers(1, 2), max_size=2).map(tuple),
    size_bytes=SIZES,
    gzip_bytes=SIZES,
    sparsity=st.sampled_from([None, 0.0, 0.5]),
    unique=st.sampled_from([None, 1]),
    scales=st.just("none"),
)
PARTS = st.lists(
    st.builds(
        StoredPart,
        name=st.sampled_from(["graph", "names", "padding"]),
        size_bytes=SIZES,
        gzip_bytes=SIZES,
    ),
    unique_by=lambda part: part.name,
)


def contents(tensors: list[StoredTensor], others: list[StoredPart] | None = None) -> Contents:
    parts = [*tensors, *(others or [])]
    return Contents(
        form="the .tflite",
        size_bytes=sum(part.size_bytes for part in parts),
        gzip_bytes=sum(part.gzip_bytes for part in parts),
        tensors=tuple(tensors),
        others=tuple(others or ()),
    )


ANY = st.builds(contents, st.lists(TENSORS, max_size=8), PARTS)


def tensor(name: str, **changes: Any) -> StoredTensor:
    plain: dict[str, Any] = {
        "layer": name.rpartition("/")[0],
        "operator": "CONV_2D",
        "dtype": "float32",
        "shape": (8, 3, 3, 4),
        "size_bytes": 1152,
        "gzip_bytes": 1000,
        "sparsity": 0.0,
        "unique": 288,
    }
    return StoredTensor(name=name, **plain | changes)


def matched(old: list[StoredTensor], new: list[StoredTensor]) -> set[tuple[str, str, int]]:
    found = diff(contents(old), contents(new)).tensors
    return {
        (each.old.name if each.old else "", each.new.name if each.new else "", each.growth_bytes)
        for each in found
    }


@given(ANY, ANY)
def test_the_changes_add_up_and_the_other_way_round_is_the_mirror_image(
    old: Contents, new: Contents
) -> None:
    found, back = diff(old, new), diff(new, old)
    changes = [*found.tensors, *found.others]
    assert found.growth_bytes == new.size_bytes - old.size_bytes
    assert found.growth_bytes == sum(each.growth_bytes for each in changes)
    assert found.gzip_growth_bytes == sum(each.gzip_growth_bytes for each in changes)
    for there, mirrored in ((found.tensors, back.tensors), (found.others, back.others)):
        assert sorted(repr((each.new, each.old)) for each in there) == sorted(
            repr((each.old, each.new)) for each in mirrored
        )
    assert back.growth_bytes == -found.growth_bytes


@given(ANY)
def test_nothing_differs_between_an_artifact_and_itself(one: Contents) -> None:
    nothing = ContentsDiff(growth_bytes=0, gzip_growth_bytes=0, tensors=(), others=())
    assert diff(one, one) == nothing
    assert diff(one, one.model_copy(deep=True)) == nothing


def test_what_changed_most_comes_first() -> None:
    old = [tensor("m/a/w"), tensor("m/b/w"), tensor("m/c/w")]
    new = [
        tensor("m/a/w", size_bytes=1160),
        tensor("m/b/w", size_bytes=1000),
        tensor("m/c/w", gzip_bytes=1),
    ]
    found = diff(contents(old), contents(new)).tensors
    assert [each.growth_bytes for each in found] == [-152, 8, 0]


def test_a_layer_that_is_inserted_does_not_shift_the_others() -> None:
    first = tensor("m/first/Conv2D")
    moved = [tensor(f"layers/conv2d_{n}/vars/0", layer="second") for n in (1, 2)]
    inserted = tensor("layers/conv2d_1/vars/0", layer="inserted")
    assert matched([first, moved[0]], [first, inserted, moved[1]]) == {("", inserted.name, 1152)}


def test_a_quantized_tensor_is_the_one_of_the_same_layer() -> None:
    old = [tensor("m/conv/Conv2D"), tensor("m/conv/BiasAdd", shape=(8,), size_bytes=32)]
    new = [
        tensor("tfl.pseudo_qconst1", layer="m/conv", dtype="int8", size_bytes=288),
        tensor("tfl.pseudo_qconst", layer="m/conv", shape=(8,), dtype="int32", size_bytes=32),
    ]
    assert matched(old, new) == {
        ("m/conv/Conv2D", "tfl.pseudo_qconst1", -864),
        ("m/conv/BiasAdd", "tfl.pseudo_qconst", 0),
    }


def test_a_layer_that_is_wider_is_the_same() -> None:
    wide = tensor("m/conv/Conv2D", shape=(16, 3, 3, 4), size_bytes=2304)
    assert matched([tensor("m/conv/Conv2D")], [wide]) == {("m/conv/Conv2D", "m/conv/Conv2D", 1152)}


def test_a_numbered_constant_is_not_matched_by_its_number() -> None:
    old = tensor("arith.constant1", operator="RESHAPE", shape=(2,), size_bytes=8)
    new = tensor("arith.constant1", operator="CONV_2D")
    assert matched([old], [new]) == {("arith.constant1", "", -8), ("", "arith.constant1", 1152)}


def test_a_model_that_is_renamed_or_without_names_has_the_same_tensors() -> None:
    old = [tensor("functional_1/conv_1/Conv2D", gzip_bytes=900)]
    for name in ("functional/conv/Conv2D", ""):
        assert matched(old, [tensor(name, layer="", gzip_bytes=900)]) == set()
