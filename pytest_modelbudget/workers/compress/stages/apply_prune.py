"""Magnitude pruning: the smallest weights become zero while the others are fine-tuned."""

from dataclasses import replace
from pathlib import Path

import tf_keras

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.protocol.layer_choice import NO_WEIGHTS, Selection
from pytest_modelbudget.workers.compress.models.sources import Model, class_name
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training import fine_tuning
from pytest_modelbudget.workers.compress.training.preserve import Preserve
from pytest_modelbudget.workers.compress.training.pruning import PruneByMagnitude, prunable_weights
from pytest_modelbudget.workers.compress.training.schedules import make_schedule
from pytest_modelbudget.workers.compress.training.selections import Layer, take, walk
from pytest_modelbudget.workers.compress.training.sparsity_target import TOLERANCE, Target
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.promises import Promise, Zeros

# Their kernels have the inputs of one output elsewhere than tfmot's patterns expect them.
NO_PATTERN = (tf_keras.layers.Conv2DTranspose, tf_keras.layers.Embedding)


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the model with zeros in every layer that it takes.

    Zeros that an earlier ``prune`` made stay, also in layers that this one leaves.

    Raises:
        JobError: No layer can be pruned, the schedule never gets to the sparsity, or training
            fails.
    """
    stage = job.stage
    assert isinstance(stage, Prune)
    target = Target.of(stage)
    model = fine_tuning.load(job)
    selection = _select(model, stage)
    schedule = make_schedule(stage, fine_tuning.plan_steps(job, stage.epochs))
    layers = dict(walk(model))
    kernels = [
        (name, kernel) for name in selection.taken for kernel in prunable_weights(layers[name])
    ]
    pruned = [earlier for earlier in job.before if isinstance(earlier, Prune)]
    wanted = [
        max(target.sparsity, target.measure(kernel.numpy()) if pruned else 0)
        for _, kernel in kernels
    ]
    preserve = Preserve(model.variables, pruned)
    prune = PruneByMagnitude([kernel for _, kernel in kernels], schedule, target)
    fine_tuning.fit(model, job, stage.epochs, progress, callbacks=[preserve, prune])
    preserve.check("prune")
    for (name, kernel), sparsity in zip(kernels, wanted, strict=True):
        _prove(name, target.measure(kernel.numpy()), sparsity)
    promises.write(
        [
            Promise(
                stage="prune",
                layer=name,
                shape=tuple(kernel.shape),
                kept=Zeros(target=replace(target, sparsity=sparsity)),
            )
            for (name, kernel), sparsity in zip(kernels, wanted, strict=True)
        ],
        output,
    )
    selection.write(output)
    fine_tuning.save(model, output)


def preflight(job: BuildJob, model: Model) -> Outlook:
    """Choose the layers, and make a schedule that a training might not fit."""
    stage = job.stage
    assert isinstance(stage, Prune)
    selection = _select(model, stage)
    fine_tuning.check(model, job)
    if stage.frequency or ":" in stage.schedule:  # the others fit any number of steps
        make_schedule(stage, fine_tuning.plan_steps(job, stage.epochs))
    return Outlook(model, selection)


def _select(model: Model, stage: Prune) -> Selection:
    target = Target.of(stage)
    return take(model, stage.layers, lambda layer: _why_left(layer, target))


def _why_left(layer: Layer, target: Target) -> str | None:
    if not layer.weights:
        return NO_WEIGHTS
    kernels = prunable_weights(layer)
    if not kernels:
        return f"tfmot prunes no {class_name(layer)}"
    if not layer.trainable:
        return "it is frozen, and could not make up for what it loses"
    if target.pattern and isinstance(layer, NO_PATTERN):
        return f"a {type(layer).__name__} takes no pattern"
    reasons = (target.why_unfit(tuple(kernel.shape)) for kernel in kernels)
    return next(filter(None, reasons), None)


def _prove(name: str, reached: float, wanted: float) -> None:
    if abs(reached - wanted) > TOLERANCE:
        raise JobError(
            f"prune: layer {name} has sparsity {reached:.2f}, not the {wanted:.2f} asked for",
            "see whether its schedule gets there, or leave the layer out with layers: skip",
        )
