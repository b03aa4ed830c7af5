"""Whether zeros and clusters outlive the stages that come after, down to the int8 ``.tflite``.

Run ``python -m benchmarks.collaborative`` for the example CNN and that of the pruning tutorial; it
takes about ten minutes. It prints a table of the kind that TensorFlow published for collaborative
optimization (https://www.tensorflow.org/model_optimization/guide/combine/collaborative_optimization)
and exits 1 if anything was lost. More arguments go to pytest.
"""

import sys

from benchmarks.gated import ROOT, Variant, print_table, run_gate

MODELS = ("digits_cnn", "tutorial_cnn")
HEAD = ("model", "recipe", "accuracy", "sparsity", "unique weights", "kept")
# What a stage made, by the variant that should keep it.
MADE_BY = {
    "prune_qat": "prune",
    "cluster_qat": "cluster",
    "prune_cluster": "prune",
    "prune_cluster_qat": "prune_cluster",
}
TOLERANCE = 0.01  # of the sparsity


def main() -> int:
    """Print the table, and return 0 if all was kept and the gate passed."""
    rows, exitcode = [], 0
    for model in MODELS:
        budget_file = ROOT / "benchmarks" / "budgets" / f"collaborative_{model}.budget.yaml"
        gated = run_gate(budget_file, sys.argv[1:])
        exitcode |= gated.exitcode
        variants = {variant.name: variant for variant in gated.variants}
        for name, variant in variants.items():
            lost = _lost(variants[MADE_BY[name]], variant) if name in MADE_BY else None
            exitcode |= bool(lost)
            rows.append([model, f"`{name}`", *_numbers(variant), _verdict(lost)])
    print_table(HEAD, rows)
    return exitcode


def _lost(made: Variant, kept: Variant) -> list[str]:
    """Name what ``made`` was measured to have, and ``kept`` has not any more."""
    lost = []
    for limit, before in made.measured.items():
        after = kept.measured[limit]
        if limit == "min_sparsity" and not abs(after - before) <= TOLERANCE:
            lost.append("sparsity")
        if limit == "max_unique_weights" and not after <= before:
            lost.append("clusters")
    return lost


def _numbers(variant: Variant) -> list[str]:
    limits = {"min_accuracy": ".4f", "min_sparsity": ".4f", "max_unique_weights": ",.0f"}
    measured = variant.measured
    return [
        format(measured[limit], how) if limit in measured else "" for limit, how in limits.items()
    ]


def _verdict(lost: list[str] | None) -> str:
    if lost is None:
        return ""
    return f"lost {', '.join(lost)}" if lost else "yes"


if __name__ == "__main__":
    sys.exit(main())
