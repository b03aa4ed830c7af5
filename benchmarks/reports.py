"""What the reports cost: bytes of the HTML page, its first paint in Chromium, CPU time of the gate.

Run ``python -m benchmarks.reports``; with ``.modelbudget`` filled, it takes about three minutes.
"""

import random
import sys
import tempfile
from pathlib import Path

from benchmarks.chromium import CHROMIUM, chromium
from benchmarks.pairs import cpu_s, run_pairs, spread
from pytest_modelbudget.judge.contents import Contents, StoredPart, StoredTensor
from pytest_modelbudget.judge.details import (
    LatencyDistribution,
    RecordedFile,
    RecordedVariable,
    StageEffect,
    ToolVersion,
    VariantDetails,
)
from pytest_modelbudget.report.html_page import write
from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.row import Row, Status
from pytest_modelbudget.units.table import BaseUnit

ROOT = Path(__file__).parents[1]
# Latencies are measured anew every time, for as long as it takes.
GATE = [sys.executable, "-m", "pytest", "budgets", "-q", "-k", "not latency"]
RUNS = 20  # the CPU time of a run differs by more than what the reports take
VARIANTS = 100
TENSORS = 60  # of each variant, as MobileNetV2 has
PAINTS = 5
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]"
SyntheticLimit = tuple[str, BaseUnit, str, float]
LIMITS: tuple[SyntheticLimit, ...] = (
    ("max_bytes", "bytes", "kB", 900e3),
    ("max_accuracy_drop", "score", "pp", 0.01),
    ("max_latency", "seconds", "ms", 2e-3),
    ("min_sparsity", "share", "%", 0.8),
)


def record(count: int, seed: int = 0) -> Record:
    """Return the results of ``count`` variants, with a failed limit here and there."""
    numbers = random.Random(seed)
    rows: list[Row] = []
    details: dict[tuple[str, str], VariantDetails] = {}
    for number in range(count):
        subject = f"budgets/model_{number // 10}.budget.yaml", f"variant_{number}"
        size_bytes = int(numbers.uniform(1e5, 9e5))
        rows += [_row(subject, limit, numbers) for limit in LIMITS]
        details[subject] = _details(size_bytes, numbers)
    collected = [
        CollectedVariant(*subject, limits=tuple(each[0] for each in LIMITS)) for subject in details
    ]
    return Record(tuple(rows), tuple(collected), details)


def _row(subject: tuple[str, str], each: SyntheticLimit, numbers: random.Random) -> Row:
    (budget, variant), (name, unit, written_unit, limit) = subject, each
    measured = limit * numbers.uniform(0.4, 1.03)
    margin = measured - limit if name.startswith("min") else limit - measured
    outcome: Status = "within" if margin >= 0 else "exceeded"
    return Row(
        budget=budget,
        variant=variant,
        name=name,
        place=f"{budget}:12:14",
        outcome=outcome,
        unit=unit,
        written_unit=written_unit,
        measured=measured,
        limit=limit,
        margin=margin,
        how="how it was measured, in as many words as are usual, on a machine with a long name",
        artifact=f".modelbudget/entries/{numbers.getrandbits(256):064x}/model.tflite",
        sha256=f"{numbers.getrandbits(256):064x}",
        built="cached",
        seconds=30.0,
        quantized="quantized by the LiteRT quantizer",
    )


def _details(size_bytes: int, numbers: random.Random) -> VariantDetails:
    fastest_s = numbers.uniform(2e-4, 2e-3)
    score = numbers.uniform(0.9, 0.99)
    percentiles_s = sorted(fastest_s * numbers.lognormvariate(0, 0.1) for _ in range(101))
    return VariantDetails(
        recipe=("prune: {sparsity: 0.8, epochs: 6}", "quantize: {scheme: int8}"),
        metric="accuracy",
        stages=(
            StageEffect(name="", size_bytes=3_500_000, gzip_bytes=3_200_000, score=0.985),
            StageEffect(name="prune", size_bytes=3_500_000, gzip_bytes=900_000, score=score),
            StageEffect(
                name="quantize", size_bytes=size_bytes, gzip_bytes=size_bytes // 3, score=score
            ),
        ),
        latency=LatencyDistribution(
            percentiles_s=tuple(percentiles_s),
            counted=4000,
            invocations=4200,
            threads=1,
            delegate="XNNPACK",
            cpu="a CPU with a long name @ 2.50GHz",
            governor="unknown",
        ),
        tools=(ToolVersion(name="tensorflow", version="2.21.0"),),
        files=tuple(
            RecordedFile(path=f"project/module_{each}.py", sha256=f"{each:064x}")
            for each in range(10)
        ),
        variables=(RecordedVariable(name="DATA_FOLDER", sha256=f"{1:064x}"),),
        packages=tuple(
            ToolVersion(name=f"a-package-{each}", version="1.2.3") for each in range(45)
        ),
        contents=_contents(size_bytes, numbers),
    )


def _contents(size_bytes: int, numbers: random.Random) -> Contents:
    part = size_bytes // (TENSORS + 1)
    tensors = tuple(
        StoredTensor(
            name=f"model/block_{each}/depthwise_conv2d_{each}/Conv2D;FusedBatchNormV3",
            size_bytes=part,
            gzip_bytes=part // 3,
            layer=f"block_{each // 3}",
            operator="DEPTHWISE_CONV_2D",
            dtype="int8",
            shape=(1, 3, 3, 128),
            sparsity=numbers.random(),
            unique=200,
        )
        for each in range(TENSORS)
    )
    rest = StoredPart(
        name="graph",
        size_bytes=size_bytes - TENSORS * part,
        gzip_bytes=part // 3,
    )
    gzip_bytes = (TENSORS + 1) * (part // 3)
    return Contents(
        form="the .tflite",
        size_bytes=size_bytes,
        gzip_bytes=gzip_bytes,
        tensors=tensors,
        others=(rest,),
    )


def first_paints_ms(page: Path) -> list[float]:
    """Return the first contentful paints of the page, each after it was loaded anew."""
    paints: list[float] = []
    with chromium() as browser:
        for _ in range(PAINTS):
            browser.open(page)
            paints.append(browser.run(f"{PAINT}.startTime"))
    return paints


def main() -> None:
    """Print all three."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "report.html")
        write(page, record(VARIANTS))
        size_bytes = page.stat().st_size
        print(f"HTML of {VARIANTS} variants with {TENSORS} tensors each: {size_bytes:,} B")
        if CHROMIUM:
            print("first contentful paint:", spread(first_paints_ms(page), " ms"))
        reports = [f"--budget-html={page}", f"--budget-json={folder}/report.json"]
        found = run_pairs([*GATE, *reports], GATE, ROOT, RUNS, clock=cpu_s)
        print("a warm run of the gate:", spread(found.theirs_s, " s of CPU"))
        print("more with HTML and JSON:", spread(found.shares_more, " %", 100))


if __name__ == "__main__":
    main()
