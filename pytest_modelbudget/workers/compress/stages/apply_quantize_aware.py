"""Quantization-aware training: a model is fine-tuned while it computes as int8 will."""

from pathlib import Path

import tf_keras

from pytest_modelbudget.budgetfile.stages import QuantizeAware
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.protocol.layer_choice import Selection
from pytest_modelbudget.workers.compress.models.compiled import compile_arguments
from pytest_modelbudget.workers.compress.models.keras_graph import DEPTHWISE, flatten
from pytest_modelbudget.workers.compress.models.sources import Model
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training import fine_tuning, qat
from pytest_modelbudget.workers.compress.training.preserve import Preserve
from pytest_modelbudget.workers.compress.training.qat_layers import convolution_of, why_not
from pytest_modelbudget.workers.compress.training.qat_ranges import averaged_ranges
from pytest_modelbudget.workers.compress.training.selections import Layer, take, walk

_SLOWER = 10


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "quantized.h5"``, which ``qat.load_quantized`` reads.

    What stages before it pruned stays zero, and what they clustered stays clustered. Without
    a learning rate of its own, the stage trains at a tenth of the usual one.

    Raises:
        JobError: No layer can be quantized, one that was asked for cannot, or training fails.
    """
    stage = job.stage
    assert isinstance(stage, QuantizeAware)
    model = fine_tuning.load(job)
    flat = flatten(model)
    selection = _select(model, flat, stage)
    taken = {layer.name for layer in flat.layers if _origin(layer) in selection.taken}
    quantized = qat.quantize(flat, taken)
    fine_tuning.carry_compiled(model, quantized)
    preserve = Preserve(quantized.trainable_variables, job.before)
    with averaged_ranges() as ranges:
        fine_tuning.fit(
            quantized,
            job,
            stage.epochs,
            progress,
            callbacks=[preserve, ranges],
            learning_rate=stage.learning_rate or _usual_rate(model, job) / _SLOWER,
        )
    preserve.check("quantize_aware")
    selection.write(output)
    qat.save_quantized(quantized, output)


def preflight(job: BuildJob, model: Model) -> Outlook:
    """Choose the layers."""
    stage = job.stage
    assert isinstance(stage, QuantizeAware)
    selection = _select(model, flatten(model), stage)
    fine_tuning.check(model, job)
    return Outlook(selection=selection)


def _origin(layer: Layer) -> str:
    return str(layer.name).removesuffix(DEPTHWISE)


def _select(model: Model, flat: Model, stage: QuantizeAware) -> Selection:
    names = {id(layer): name for name, layer in walk(model)}
    flat_layers = {layer.name: layer for layer in flat.layers}

    def supported(layer: Layer) -> str | None:
        found = flat_layers.get(names[id(layer)])
        return why_not(found, flat) if found else "it does nothing in this model"

    candidates = take(model, stage.layers, supported).taken

    def supported_with_its_convolution(layer: Layer) -> str | None:
        reason = supported(layer)
        if reason is None and isinstance(layer, tf_keras.layers.BatchNormalization):
            convolution = convolution_of(flat_layers[names[id(layer)]], flat)
            if convolution is not None and convolution.name not in candidates:
                return f"the convolution before it, {convolution.name}, is left"
        return reason

    return take(model, stage.layers, supported_with_its_convolution)


def _usual_rate(model: Model, job: BuildJob) -> float:
    arguments = compile_arguments(model.modelbudget_compiled, job.training, None)
    return float(arguments["optimizer"].learning_rate)
