"""SavedModels and ``.keras`` files of small models: what is stored, and what is refused."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pytest_modelbudget.budgetfile.stages import KerasFile, SavedModel
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.compress.export import saved_model_parts
from pytest_modelbudget.workers.compress.models import serving
from pytest_modelbudget.workers.compress.stages import run_stage
from pytest_modelbudget.workers.compress.training import sparsity_target
from pytest_modelbudget.workers.compress.verify import promises, served
from tests.workers.compress import building, zoo
from tests.workers.compress.building import no_progress
from tests.workers.compress.trainees import call, file, job

pytestmark = pytest.mark.tensorflow

HALF = SavedModel(weights="float16")


def build(
    stage: SavedModel | KerasFile, model: Any, folder: Path, parent: Path | None = None
) -> Any:
    """Run a stage, and return the signature of the SavedModel that it wrote, with its model."""
    folder.mkdir(exist_ok=True)
    run_stage(job(stage, model, parent=parent), folder, no_progress)
    loaded = tf.saved_model.load(str(folder / "model.saved_model"))
    return loaded.signatures["serving_default"], loaded


def two_inputs() -> Any:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    dense = keras.layers.Dense(2, name="dense")
    outputs = {"first": dense(left), "second": keras.ops.subtract(left, 2 * right)}
    return keras.Model([left, right], outputs)


def recurrent() -> Any:
    x = keras.Input((5, 3), name="x")
    return keras.Model(x, keras.layers.LSTM(4, name="lstm")(x))


def large() -> Any:
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2)(keras.layers.Dense(4)(x)))
    model.layers[1].kernel.assign(1e6 * np.ones((3, 4)))
    return model


def adam_of_keras() -> Any:
    return fitted(keras)


def adam_of_tf_keras() -> Any:
    return fitted(tf_keras)


def fitted(generation: Any) -> Any:
    x = generation.Input((3,), name="x")
    model = generation.Model(x, generation.layers.Dense(4)(x))
    model.compile(generation.optimizers.Adam(), "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 4)), verbose=0)
    return model


def own(name: str) -> Any:
    source = call(name)
    own_call = f"tests.workers.compress.stages.test_apply_saved_model:{name}"
    return source.model_copy(update={"call": own_call})


def test_only_what_another_machine_may_run_has_the_form_for_gpus(tmp_path: Path) -> None:
    run_stage(job(SavedModel(), building.call("lstm")), tmp_path, no_progress)
    assert b"CudnnRNN" in (tmp_path / "model.saved_model" / "saved_model.pb").read_bytes()

    traced, _owner = serving.serving_function(zoo.lstm())
    assert b"CudnnRNN" not in traced.graph.as_graph_def().SerializeToString()


@pytest.mark.parametrize("name", ["two_inputs", "recurrent"])
def test_float16_weights_compute_almost_the_same(name: str, tmp_path: Path) -> None:
    plain, _model = build(SavedModel(), own(name), tmp_path / "float32")
    half, _halved = build(HALF, own(name), tmp_path / "float16")
    random = np.random.default_rng(0)
    inputs = {
        each: tf.constant(random.random((2, *spec.shape[1:]), np.float32))
        for each, spec in plain.structured_input_signature[1].items()
    }
    expected, found = plain(**inputs), half(**inputs)
    assert expected.keys() == found.keys()
    for output in expected:
        np.testing.assert_allclose(found[output], expected[output], atol=2e-3)
    assert {variable.dtype for variable in half.variables} == {tf.float16}
    assert {variable.dtype for variable in plain.variables} == {tf.float32}


def test_a_variable_that_float16_cannot_represent_stays_float32(tmp_path: Path) -> None:
    half, _model = build(HALF, own("large"), tmp_path)
    dtypes = {variable.shape.as_list()[0]: variable.dtype for variable in half.variables[::2]}
    assert dtypes == {3: tf.float32, 4: tf.float16}


def test_a_signature_that_changes_its_variables_is_not_rounded(tmp_path: Path) -> None:
    module = tf.Module()
    module.count = tf.Variable(0.0)

    def serve(x: Any) -> dict[str, Any]:
        return {"y": x + module.count.assign_add(1.0)}

    spec = tf.TensorSpec([None, 2], tf.float32, name="x")
    function = tf.function(serve).get_concrete_function(spec)
    tf.saved_model.save(module, str(tmp_path / "counts"), signatures=function)
    with pytest.raises(JobError) as error:
        build(HALF, file(tmp_path / "counts"), tmp_path / "half")
    assert error.value.hint == "write weights: float32 and strip: []"
    build(SavedModel(), file(tmp_path / "counts"), tmp_path / "plain")


def test_a_keras_model_has_one_signature(tmp_path: Path) -> None:
    with pytest.raises(JobError) as error:
        build(SavedModel(signatures=("serving_default", "rank")), own("large"), tmp_path)
    assert str(error.value) == (
        "the Keras model has no signature rank, only this: serving_default; "
        "write signatures: [serving_default], or name a SavedModel"
    )


def test_a_saved_model_has_no_layers_for_a_keras_file(tmp_path: Path) -> None:
    build(SavedModel(), own("large"), tmp_path)
    path = tmp_path / "model.saved_model"
    with pytest.raises(JobError) as error:
        run_stage(job(KerasFile(), file(path)), tmp_path, no_progress)
    assert str(error.value) == (
        f"{path} is a SavedModel or a subclassed model, not layers of Keras; "
        "end the recipe in saved_model"
    )


@pytest.mark.parametrize(
    ("stage", "where"), [(SavedModel(), "the SavedModel"), (KerasFile(), "the .keras file")]
)
def test_a_broken_promise_is_refused(
    stage: SavedModel | KerasFile, where: str, tmp_path: Path
) -> None:
    x = tf_keras.Input((3,), name="x")
    tf_keras.Model(x, tf_keras.layers.Dense(4, name="dense")(x)).save(tmp_path / "model.keras")
    zeros = promises.Zeros(target=sparsity_target.SparsityTarget(sparsity=0.5))
    promise = promises.Promise(stage="prune", layer="dense", shape=(3, 4), kept=zeros)
    promises.write_promises([promise], tmp_path)
    with pytest.raises(JobError) as error:
        build(stage, own("large"), tmp_path / "made", parent=tmp_path)
    assert str(error.value) == (
        f"prune: layer dense has sparsity 0.00 in {where}, not the 0.50 it was pruned to; "
        "leave the layer out of prune with layers: skip, or report it with the log"
    )


def test_other_outputs_than_those_of_the_model_are_refused() -> None:
    def scaled(factor: float) -> Any:
        function = tf.function(lambda **inputs: {"y": inputs["x"] * factor})
        return function.get_concrete_function(x=tf.TensorSpec([None, 2], tf.float32, name="x"))

    one, other = scaled(1.0), scaled(1.5)
    with pytest.raises(JobError) as error:
        served.verify_function(one, other, "the SavedModel")
    assert str(error.value) == (
        "the SavedModel does not compute the same as the model: its output y differs by 0.5 of "
        "the largest value; report it with the model"
    )


@pytest.mark.parametrize("generation", ["keras", "tf_keras"])
def test_the_optimizer_is_kept_only_where_it_is_not_stripped(
    generation: str, tmp_path: Path
) -> None:
    sizes = {}
    for strip in (("training_functions",), ("optimizer", "training_functions")):
        folder = tmp_path / str(len(strip))
        build(SavedModel(strip=strip), own(f"adam_of_{generation}"), folder)
        parts = saved_model_parts.saved_model_parts(folder / "model.saved_model")
        sizes[strip] = {part.name: part.size_bytes for part in parts}
    kept, stripped = sizes.values()
    weights = stripped["kernel variables"] + stripped["bias variables"]
    assert weights == 4 * (3 * 4 + 4)
    assert 2 * weights <= kept["optimizer variables"] <= 2 * weights + 20
    assert kept["debug information"] > 0
    assert "optimizer variables" not in stripped


def test_variables_that_tensorflow_1_saved_beside_the_model_go(tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        ones = v1.ones_initializer()
        kernel = v1.get_variable("kernel", [3, 4], use_resource=True, initializer=ones)
        v1.get_variable("kernel/Adam", [3, 4], use_resource=True, initializer=ones)
        y = tf.matmul(x, kernel)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "v1"), {"x": x}, {"y": y})
    function, _model = build(SavedModel(), file(tmp_path / "v1"), tmp_path / "v2")
    assert [variable.shape.as_list() for variable in function.variables] == [[3, 4]]
    parts = saved_model_parts.saved_model_parts(tmp_path / "v2" / "model.saved_model")
    assert {part.name: part.size_bytes for part in parts}["kernel variables"] == 4 * 3 * 4


def two_signatures(folder: Path) -> Path:
    """Write a SavedModel of which both signatures read the kernel, with a request for warm-up."""
    module = tf.Module()
    module.kernel = tf.Variable(np.ones((3, 4), np.float32), name="kernel")
    module.scale = tf.Variable(np.ones(4, np.float32), name="scale")
    spec = tf.TensorSpec([None, 3], tf.float32, name="x")
    embed = tf.function(lambda x: {"y": x @ module.kernel})
    rank = tf.function(lambda x: {"z": (x @ module.kernel) * module.scale})
    signatures = {"serving_default": embed, "rank": rank}
    made = {key: each.get_concrete_function(spec) for key, each in signatures.items()}
    tf.saved_model.save(module, str(folder), signatures=made)
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"request")
    return folder


@pytest.mark.parametrize(("weights", "size_bytes"), [("float32", 4), ("float16", 2)])
def test_signatures_share_their_variables(weights: Any, size_bytes: int, tmp_path: Path) -> None:
    source = file(two_signatures(tmp_path / "source"))
    stage = SavedModel(weights=weights, signatures=("serving_default", "rank"))
    _function, model = build(stage, source, tmp_path / "made")
    assert sorted(model.signatures) == ["rank", "serving_default"]
    parts = saved_model_parts.saved_model_parts(tmp_path / "made" / "model.saved_model")
    sizes = {part.name: part.size_bytes for part in parts}
    assert sizes["kernel variables"] == 12 * size_bytes
    assert sizes["scale variables"] == 4 * size_bytes
    assert sizes["assets"] == len(b"request")


def test_what_only_another_signature_reads_goes(tmp_path: Path) -> None:
    source = file(two_signatures(tmp_path / "source"))
    _function, model = build(SavedModel(assets="used"), source, tmp_path / "made")
    assert list(model.signatures) == ["serving_default"]
    folder = tmp_path / "made" / "model.saved_model"
    sizes = {part.name for part in saved_model_parts.saved_model_parts(folder)}
    assert sizes == {"kernel variables", "graph functions", "fingerprint and metadata"}
    assert not (folder / "assets.extra").exists()
