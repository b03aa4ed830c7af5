"""Quantization-aware training: a model is fine-tuned while it computes as int8 will."""

import tempfile
from pathlib import Path

import tf_keras

from pytest_modelbudget.budgetfile.stages import QuantizeAware
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.models.keras_graph import (
    ACTIVATION,
    DEPTHWISE,
    flatten,
)
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training import qat
from pytest_modelbudget.workers.compress.training.fine_tuning import check, fit, gentle_rate
from pytest_modelbudget.workers.compress.training.preserve import Preserve
from pytest_modelbudget.workers.compress.training.qat_layers import (
    convolution_of,
    splits,
    why_unsupported,
)
from pytest_modelbudget.workers.compress.training.qat_ranges import averaged_ranges
from pytest_modelbudget.workers.compress.training.selections import choose_layers, walk
from pytest_modelbudget.workers.compress.training.trainable import Trainable, begin
from pytest_modelbudget.workers.userdata.usercode import user_code


def run(stage: QuantizeAware, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "quantized.h5"``, which ``qat.load_quantized`` reads.

    The zeros and clusters of earlier stages stay. Without a learning rate of its own, the stage
    trains at a tenth of the usual one.

    Raises:
        JobError: If no layer can be quantized, or the training fails.
    """
    start = begin(job)
    flat = _flat(start.model)
    choice = _choose(start.model, flat, stage)
    model = _quantize(flat, choice)
    preserve = Preserve(model.trainable_variables, job.before)
    with averaged_ranges() as ranges:
        fit(
            Trainable(model, start.compiled),
            job,
            stage.epochs,
            progress,
            callbacks=[preserve, ranges],
            learning_rate=stage.learning_rate or gentle_rate(start, job),
        )
    preserve.check("quantize_aware")
    choice.write(output)
    qat.save_quantized(model, output)


def preflight(stage: QuantizeAware, job: BuildJob, start: Trainable) -> Outlook:
    """Choose the layers; quantize, save, load and convert the model as it is."""
    with user_code(f"copying the layers of the model {start.model.name}"):
        flat = _flat(start.model)
    choice = _choose(start.model, flat, stage)
    check(start, job)
    with tempfile.TemporaryDirectory() as folder:
        with user_code(f"making the model {start.model.name} quantization-aware"):
            qat.save_quantized(_quantize(flat, choice), Path(folder))
            loaded = qat.load_quantized(Path(folder))
        qat.convert_quantized(loaded)
    return Outlook(choice=choice)


def _flat(model: Model) -> Model:
    return flatten(model, lambda layer: splits(layer, model))


def _quantize(flat: Model, choice: LayerChoice) -> Model:
    chosen = {layer.name for layer in flat.layers if _origin(layer) in choice.chosen}
    return qat.quantize(flat, chosen - choice.skipped.keys())


def _origin(layer: Layer) -> str:
    """Return the name of the layer that a layer of the flat model was made from."""
    return str(layer.name).removesuffix(DEPTHWISE).removesuffix(ACTIVATION)


def _choose(model: Model, flat: Model, stage: QuantizeAware) -> LayerChoice:
    """Choose the layers; activations that were split off are skipped where they stay float."""
    choice = _choose_layers(model, flat, stage)
    reasons = {
        layer.name: why_unsupported(layer, flat)
        for layer in flat.layers
        if layer.name.endswith(ACTIVATION) and _origin(layer) in choice.chosen
    }
    skipped = {name: why for name, why in reasons.items() if why}
    return LayerChoice(chosen=choice.chosen, skipped={**choice.skipped, **skipped})


def _choose_layers(model: Model, flat: Model, stage: QuantizeAware) -> LayerChoice:
    names = {id(layer): name for name, layer in walk(model)}
    flat_layers = {layer.name: layer for layer in flat.layers}

    def why_alone(layer: Layer) -> str | None:
        found = flat_layers.get(names[id(layer)])
        if found is None:
            return "without effect, because its model is called with training=False"
        return why_unsupported(found, flat)

    candidates = choose_layers(model, stage.layers, why_alone).chosen

    def why_with_convolution(layer: Layer) -> str | None:
        reason = why_alone(layer)
        if reason is None and isinstance(layer, tf_keras.layers.BatchNormalization):
            convolution = convolution_of(flat_layers[names[id(layer)]], flat)
            if convolution is not None and convolution.name not in candidates:
                return f"the convolution before it, {convolution.name}, is skipped"
        return reason

    return choose_layers(model, stage.layers, why_with_convolution)
