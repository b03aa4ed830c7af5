"""The tables of ``modelbudget inspect``, whole."""

from typing import Any

from pytest_modelbudget.judge.contents import Contents, StoredPart, StoredTensor
from pytest_modelbudget.report.contents_diff_table import contents_diff_table
from pytest_modelbudget.report.contents_table import contents_table


def tensor(name: str, size_bytes: int, gzip_bytes: int, **changes: Any) -> StoredTensor:
    plain: dict[str, Any] = {
        "layer": name.rpartition("/")[0],
        "operator": "FULLY_CONNECTED",
        "dtype": "int8",
        "shape": (size_bytes // 64, 64),
        "sparsity": 0.0,
        "unique": 251,
        "scales": "per channel",
    }
    return StoredTensor(name=name, size_bytes=size_bytes, gzip_bytes=gzip_bytes, **plain | changes)


BIAS: dict[str, Any] = {"dtype": "int32", "shape": (64,), "sparsity": 1.0, "unique": 1}
WIDE = tensor("model/classifier_with_a_long_name/wide/MatMul", 65_536, 60_001)
NARROW = tensor(
    "model/narrow/MatMul;x/y", 6_400, 700, layer="model/narrow", sparsity=0.904, unique=16
)
SHAPE = tensor("", 8, 2, layer="", operator="RESHAPE", dtype="int32", shape=(2,), scales="none")


def contents(tensors: list[StoredTensor], **others: tuple[int, int]) -> Contents:
    parts = [
        StoredPart(name=name, size_bytes=size_bytes, gzip_bytes=gzip_bytes)
        for name, (size_bytes, gzip_bytes) in others.items()
    ]
    return Contents(
        form="the .tflite",
        size_bytes=sum(part.size_bytes for part in (*tensors, *parts)),
        gzip_bytes=sum(part.gzip_bytes for part in (*tensors, *parts)),
        tensors=tuple(tensors),
        others=tuple(parts),
    )


SMALL = contents(
    [WIDE, NARROW, tensor("model/narrow/BiasAdd", 256, 12, **BIAS), SHAPE],
    graph=(2_500, 1_100),
    names=(300, 90),
)


def shown(width: int, whole: bool = False) -> str:
    return "\n".join(contents_table("m.tflite", SMALL, width, whole=whole))


TOTALS = """
 bytes   share    gzip   share  layer
65,536  87.4 %  60,001  96.9 %  model/classifier_with_a_long_name/wide
 6,656   8.9 %     712   1.2 %  model/narrow
     8  <0.1 %       2  <0.1 %  (unknown)

 bytes   share    gzip   share  read by
72,192  96.3 %  60,713  98.1 %  FULLY_CONNECTED
     8  <0.1 %       2  <0.1 %  RESHAPE

 bytes   share    gzip   share  dtype
71,936  95.9 %  60,701  98.1 %  int8
   264   0.4 %      14  <0.1 %  int32

 bytes   share    gzip   share  not a tensor
 2,500   3.3 %   1,100   1.8 %  graph
   300   0.4 %      90   0.1 %  names"""


ALL_COLUMNS = """
 bytes   share    gzip   share  dtype  shape      zeros  unique  quantized    read by          tensor
65,536  87.4 %  60,001  96.9 %  int8   1024x64    0.0 %     251  per channel  FULLY_CONNECTED  model/classifier_with_a_long_name/wide/MatMul
 6,400   8.5 %     700   1.1 %  int8   100x64    90.4 %      16  per channel  FULLY_CONNECTED  model/narrow/MatMul
   256   0.3 %      12  <0.1 %  int32  64       100.0 %       1  per channel  FULLY_CONNECTED  model/narrow/BiasAdd
     8  <0.1 %       2  <0.1 %  int32  2          0.0 %     251               RESHAPE          (unknown)"""  # noqa: E501


def test_a_wide_terminal_shows_all_columns() -> None:
    head = "m.tflite: 75,000 B, gzip 61,905 B"
    assert shown(160) == f"{head}\n{ALL_COLUMNS}\n{TOTALS}"


def test_a_narrow_terminal_shows_what_fits() -> None:
    assert (
        shown(80)
        == f"""\
m.tflite: 75,000 B, gzip 61,905 B

 bytes   share    gzip   share  dtype  shape    tensor
65,536  87.4 %  60,001  96.9 %  int8   1024x64  model/classifie…name/wide/MatMul
 6,400   8.5 %     700   1.1 %  int8   100x64   model/narrow/MatMul
   256   0.3 %      12  <0.1 %  int32  64       model/narrow/BiasAdd
     8  <0.1 %       2  <0.1 %  int32  2        (unknown)
{TOTALS}"""
    )


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in range(40, 200):
        assert all(len(line) <= width for line in shown(width).splitlines())


def test_only_the_largest_are_shown_unless_all_are_asked_for() -> None:
    many = contents([tensor(f"m/{n}", 64 * (30 - n), 9) for n in range(25)])
    short, long = (
        list(contents_table("m.tflite", many, 100, whole=whole)) for whole in (False, True)
    )
    assert "and 5 more with 2,560 B: --all shows them" in short
    assert [line.endswith("  m/24") for line in long].count(True) == 1
    assert not any(line.endswith("  m/24") for line in short)


def test_names_cannot_control_the_terminal() -> None:
    odd = contents([tensor("a\x1b[2Jb\nc", 64, 9)])
    assert "a?[2Jb?c" in "\n".join(contents_table("m.tflite", odd, 160, whole=False))


def compared(old: Contents, new: Contents, width: int = 100, *, whole: bool = False) -> str:
    return "\n".join(
        contents_diff_table(("old.tflite", "new.tflite"), old, new, width, whole=whole)
    )


def test_what_grew_appeared_and_went() -> None:
    new = contents(
        [
            tensor("model/classifier_with_a_long_name/wide/MatMul", 16_384, 15_000),
            tensor("tfl.pseudo_qconst", 25_600, 24_000, layer="model/narrow", dtype="float32",
                   shape=(100, 64), scales="none"),
            tensor("model/narrow/BiasAdd", 256, 20, **BIAS),
            tensor("model/new/MatMul", 4_096, 4_000),
        ],
        graph=(2_700, 1_150),
    )  # fmt: skip
    assert (
        compared(SMALL, new)
        == """\
old.tflite -> new.tflite
bytes  75,000 B -> 49,036 B, 25,964 B less (34.6 %)
gzip   61,905 B -> 44,170 B, 17,735 B less (28.6 %)

   old     new   growth     gzip  dtype            shape              tensor
65,536  16,384  -49,152  -45,001  int8             1024x64 -> 256x64  model/classifi…ame/wide/MatMul
 6,400  25,600  +19,200  +23,300  int8 -> float32  100x64             tfl.pseudo_qconst
     -   4,096   +4,096   +4,000  int8             64x64              model/new/MatMul (appeared)
     8       -       -8       -2  int32            2                  (unknown) (went)
and 1 more with the same size and different values: --all shows them

  old    new  growth  gzip  not a tensor
  300      -    -300   -90  names (went)
2,500  2,700    +200   +50  graph"""
    )


def test_nothing_differs() -> None:
    assert (
        compared(SMALL, SMALL)
        == """\
old.tflite -> new.tflite
bytes  75,000 B as before
gzip   61,905 B as before"""
    )
