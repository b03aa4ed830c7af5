"""Weight clustering: each layer's weights share a few values, which are fine-tuned."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import Cluster, Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.layer_choice import NO_WEIGHTS, LayerChoice
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model
from pytest_modelbudget.workers.compress.models.sources import class_name
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training.clustering import (
    ClusterWeights,
    clusterable_weights,
    units,
)
from pytest_modelbudget.workers.compress.training.fine_tuning import check, fit, gentle_rate
from pytest_modelbudget.workers.compress.training.preserve import Preserve, Weights, unique_values
from pytest_modelbudget.workers.compress.training.selections import choose_layers, walk
from pytest_modelbudget.workers.compress.training.trainable import Trainable, begin, save
from pytest_modelbudget.workers.compress.training.training_set import plan_steps
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.promises import FewValues, Promise


def run(stage: Cluster, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the model with clustered weights.

    The zeros of an earlier ``prune`` stay, also in the layers that this stage skips; zero is then
    one of the ``clusters``. The stage trains at a tenth of the usual learning rate.

    Raises:
        JobError: If no layer can be clustered, or the training fails.
    """
    start = begin(job)
    choice = _choose(start.model, stage)
    plan_steps(job, stage.epochs)  # An unusable training set is an error before the clustering.
    layers = dict(walk(start.model))
    chosen = {name: layers[name] for name in choice.chosen}
    progress("clustering")
    pruned = any(isinstance(earlier, Prune) for earlier in job.before)
    clusters = ClusterWeights(chosen.values(), stage, pruned)
    clustered = {id(kernel) for layer in chosen.values() for kernel in clusterable_weights(layer)}
    others = [variable for variable in start.model.variables if id(variable) not in clustered]
    preserve = Preserve(others, job.before)
    fit(
        start,
        job,
        stage.epochs,
        progress,
        callbacks=[preserve, clusters],
        learning_rate=gentle_rate(start, job),
    )
    preserve.check("cluster")
    _verify(chosen, stage)
    promises.write_promises(_promises(chosen, stage), output)
    choice.write(output)
    save(start, output)


def preflight(stage: Cluster, job: BuildJob, start: Trainable) -> Outlook:
    """Choose the layers."""
    choice = _choose(start.model, stage)
    check(start, job)
    return Outlook(start, choice)


def _choose(model: Model, stage: Cluster) -> LayerChoice:
    return choose_layers(model, stage.layers, lambda layer: _why_unsupported(layer, stage))


def _why_unsupported(layer: Layer, stage: Cluster) -> str | None:
    if not layer.weights:
        return NO_WEIGHTS
    if not layer.trainable:
        return "not trainable, so it cannot be fine-tuned after clustering"
    kernels = clusterable_weights(layer)
    if not kernels:
        return f"clustering does not support {class_name(layer)}"
    each = [unit for kernel in kernels for unit in units(layer, kernel.numpy(), stage.per_channel)]
    smallest = min(unit.size for unit in each)
    if smallest <= stage.clusters:
        where = " in an output channel" if len(each) > len(kernels) else ""
        return f"too small: {smallest} weights{where} for {stage.clusters} clusters"
    return None


def _verify(chosen: Mapping[str, Layer], stage: Cluster) -> None:
    for name, layer in chosen.items():
        for kernel in clusterable_weights(layer):
            found = max(map(unique_values, units(layer, kernel.numpy(), stage.per_channel)))
            if found > stage.clusters:
                raise JobError(
                    f"cluster: layer {name} has {found} unique values instead of {stage.clusters}",
                    "report this as a bug with the log, or add the layer to layers: skip",
                )


def _promises(chosen: Mapping[str, Layer], stage: Cluster) -> Sequence[Promise]:
    return [
        _promise(name, kernel.numpy(), layer, stage)
        for name, layer in chosen.items()
        for kernel in clusterable_weights(layer)
    ]


def _promise(name: str, weights: Weights, layer: Layer, stage: Cluster) -> Promise:
    per_channel = len(units(layer, weights, stage.per_channel)) > 1
    kept = FewValues(clusters=stage.clusters, per_channel=per_channel)
    return Promise(stage="cluster", layer=name, shape=weights.shape, kept=kept)
