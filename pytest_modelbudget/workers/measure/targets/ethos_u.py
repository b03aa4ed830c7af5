"""Arm Ethos-U through Vela, Arm's compiler for it, which estimates cycles and memory.

Vela's exit code, estimate and warnings are not sufficient. On a float model it exits with 0 and
an inference time of 0; the estimate does not include operators on the CPU; and it warns about
operators that it removes later. So the compiled file is checked: if it contains any operator that
is not the NPU's, that operator runs on the CPU, and there is no estimate of the whole model.
"""

import csv
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.measurement_jobs import TargetJob
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.measure.targets.program import output_tail, run
from pytest_modelbudget.workers.tflite.graph import stored_macs
from pytest_modelbudget.workers.tflite.tflite_file import operator_name, operators, parse

_NPU = "CUSTOM:ethos-u"
_KIB = 1024
_REPORT = (
    "try another recipe or a newer Vela; if the model runs in LiteRT, report it to Vela's authors"
)


@dataclass(frozen=True)
class Configuration:
    """Sections of ``Arm/vela.ini``: the clock and buses, and the placement of data in memories."""

    system: str
    memory_mode: str


# The defaults of Vela 5.2, written out so that other defaults of a later Vela change nothing
# silently (ethosu/vela/architecture_features.py, _set_default_sys_config).
CONFIGURATIONS: Mapping[str, Configuration] = MappingProxyType(
    {
        "ethos-u55": Configuration("Ethos_U55_High_End_Embedded", "Shared_Sram"),
        "ethos-u65": Configuration("Ethos_U65_Client_Server", "Dedicated_Sram_384KB"),
        "ethos-u85": Configuration("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB"),
    }
)


def measure(accelerator: str, job: TargetJob, progress: Progress) -> Figures:
    """Compile the model with Vela, and read its estimate.

    Returns:
        ``latency_s`` as estimated by Vela, ``memory_bytes`` as the SRAM that Vela plans, and
        ``size_bytes`` of the compiled ``.tflite``, which is the file that is flashed.

    Raises:
        JobError: If Vela is not installed, crashes, does not write an estimate, or places
            operators on the CPU.
    """
    family = accelerator.rpartition("-")[0]
    configuration = CONFIGURATIONS[family]
    version = _version()
    progress(f"compiling with Vela for {accelerator}")
    with tempfile.TemporaryDirectory() as folder:
        output = _compile(job, accelerator, configuration, Path(folder))
        compiled = Path(folder) / f"{job.model.stem}_vela.tflite"
        summaries = list(Path(folder).glob("*_summary_*.csv"))
        if not compiled.exists() or len(summaries) != 1:
            raise JobError(
                f"Vela {version} did not write an estimate{output_tail(output)}", _REPORT
            )
        with summaries[0].open(newline="") as file:
            summary = next(csv.DictReader(file))
        _check_all_on_npu(job.model, compiled)
        size_bytes = compiled.stat().st_size
    latency_s = float(summary["inference_time"])
    if not latency_s > 0:
        raise JobError(f"Vela {version} estimates an inference time of {latency_s:g} s", _REPORT)
    return Figures(
        latency_s=latency_s,
        memory_bytes=round(float(summary["sram_memory_used"]) * _KIB),
        size_bytes=size_bytes,
        how=_how(version, accelerator, configuration, summary),
    )


def _version() -> str:
    try:
        find_spec("ethosu.vela")
        return metadata.version("ethos-u-vela")
    except ImportError as error:
        hint = "pip install 'pytest-modelbudget[ethos-u]'"
        raise JobError("Vela is not installed", hint) from error


def _compile(job: TargetJob, accelerator: str, configuration: Configuration, folder: Path) -> str:
    command = [
        *(sys.executable, "-P", "-m", "ethosu.vela", str(job.model)),
        *("--output-dir", str(folder)),
        *("--accelerator-config", accelerator),
        *("--config", "Arm/vela.ini"),
        *("--system-config", configuration.system),
        *("--memory-mode", configuration.memory_mode),
    ]
    try:
        return run(command, job.timeout_s, folder)
    except JobError as error:
        cause = error.cause.replace(sys.executable, "Vela", 1)
        raise JobError(cause, _REPORT) from error


def _check_all_on_npu(model: Path, compiled: Path) -> None:
    placed = parse(compiled.read_bytes())
    kept = [operator_name(placed, operator) for operator, _ in operators(placed)]
    on_cpu = [name for name in kept if name != _NPU]
    if not on_cpu:
        return
    whole = parse(model.read_bytes())
    total = sum(len(graph.operators) for graph in whole.subgraphs)
    # Vela's own count is of decomposed operators, on Ethos-U85 a lower one.
    macs = stored_macs(whole)
    share = stored_macs(placed) / macs if macs else 0.0
    raise JobError(
        f"Vela places {len(on_cpu)} of {total} operators with {share:.1%} of the MACs on the "
        f"CPU, and does not estimate them: {', '.join(sorted(set(on_cpu)))}",
        "quantize the whole model with `quantize: {scheme: int8, io: int8}`, and avoid operators "
        "that `vela --supported-ops-report` does not list",
    )


def _how(
    version: str, accelerator: str, configuration: Configuration, summary: Mapping[str, str]
) -> str:
    areas = {"SRAM": "sram", "DRAM": "dram", "flash": "off_chip_flash"}
    kib = {area: float(summary[f"{name}_memory_used"]) for area, name in areas.items()}
    memory = ", ".join(f"{used:.4g} KiB of {area}" for area, used in kib.items() if used)
    return (
        f"estimated by Vela {version} for {accelerator}, {configuration.system}, "
        f"{configuration.memory_mode}: {memory}"
    )
