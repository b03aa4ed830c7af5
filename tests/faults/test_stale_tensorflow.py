"""Files that TensorFlow opens in native code are recorded like those that Python opens."""

import pytest

from tests.faults.conftest import Lab
from tests.faults.test_stale_results import Case, both, listing, prepare, reading, write

pytestmark = [pytest.mark.faults, pytest.mark.tensorflow]

TEXT = both(write("samples/one.txt", "1\n"), write("samples/two.txt", "1\n"))
CASES = {
    "gfile": reading("tf.io.gfile.GFile('in.txt').read()"),
    "gfile.exists": Case("tf.io.gfile.exists('in.txt')", lambda _: None, write("in.txt")),
    "gfile.listdir": listing("tf.io.gfile.listdir('samples')"),
    "gfile.walk": listing("list(tf.io.gfile.walk('samples'))"),
    "gfile.glob": listing("tf.io.gfile.glob('samples/*.txt')"),
    "gfile.copy": reading("tf.io.gfile.copy('in.txt', 'out.txt', overwrite=True)"),
    "read_file": reading("tf.io.read_file('in.txt')"),
    "matching_files": listing("tf.io.matching_files('samples/*.txt')"),
    "TextLineDataset": reading("list(tf.data.TextLineDataset('in.txt'))"),
    "TextLineDataset of several": Case(
        "list(tf.data.TextLineDataset(['samples/one.txt', 'samples/two.txt']))",
        TEXT,
        write("samples/two.txt", "2\n"),
    ),
    "TextLineDataset of a tensor": reading(
        "list(tf.data.TextLineDataset(tf.constant(['in.txt'])))"
    ),
    "FixedLengthRecordDataset": reading("list(tf.data.FixedLengthRecordDataset(['in.txt'], 2))"),
    "TFRecordDataset": reading("tf.data.TFRecordDataset(['in.txt'])"),
    "list_files": listing("list(tf.data.Dataset.list_files('samples/*.txt'))"),
    "a checkpoint": Case(
        "tf.train.Checkpoint(x=tf.Variable(0)).read('c')",
        lambda lab: checkpoint(lab, 1),
        lambda lab: checkpoint(lab, 2),
    ),
}


def checkpoint(lab: Lab, value: int) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(x=tf.Variable(value)).write(str(lab.root / "c"))


@pytest.fixture
def lab(lab: Lab) -> Lab:
    lab.kind = "tensorflow"
    return lab


@pytest.mark.parametrize("kind", CASES)
def test_a_change_is_noticed(lab: Lab, kind: str) -> None:
    case = CASES[kind]
    prepare(lab, f"import tensorflow as tf; {case.reads}", case.before)
    assert lab.find() is not None

    case.change(lab)

    assert lab.find() is None


UNRECORDED = {
    "read_file in a graph": (
        "list(tf.data.Dataset.from_tensors('samples/one.txt').map(tf.io.read_file))",
        "the files that tf.io.read_file reads in a graph",
    ),
    "a dataset of file names": (
        "list(tf.data.TextLineDataset(tf.data.Dataset.from_tensors('samples/one.txt')))",
        "the files of a tf.data.Dataset of file names",
    ),
}


@pytest.mark.parametrize("kind", UNRECORDED)
def test_what_a_graph_reads_is_named_and_not_served_to_another_session(lab: Lab, kind: str) -> None:
    code, what = UNRECORDED[kind]
    prepare(lab, f"import tensorflow as tf; {code}", TEXT)
    assert lab.dependencies().unrecorded == (what,)
    assert lab.find() is None
