"""What helps against a limit that is exceeded."""

_SMALLER = "a smaller recipe (`modelbudget recipes` lists them), or a smaller architecture"
_GENTLER = (
    "a gentler recipe such as int16x8 or dynamic, layers left in float (`layers: {skip: [...]}`), "
    "or calibration data closer to what the model meets"
)
_FASTER = "an int8 recipe, more `latency.threads`, or a smaller architecture"

_ADVICE = {
    "max_bytes": _SMALLER,
    "max_gzip_bytes": _SMALLER,
    "min_accuracy": _GENTLER,
    "max_accuracy_drop": _GENTLER,
    "max_relative_accuracy_drop": _GENTLER,
    "min_sparsity": "more `sparsity` or epochs in `prune`, or fewer layers left out of it",
    "max_unique_weights": "fewer `clusters`, or fewer layers left out of `cluster`",
    "max_memory": "`quantize: {scheme: int8}`, a smaller input, or a smaller architecture",
    "max_macs": "`prune_channels`, or a smaller architecture",
    "integer_only": "`quantize: {scheme: int8, io: int8}`, without layers left in float",
    "allowed_ops": "another `scheme` or `io` in `quantize`, layers that convert to allowed "
    "operators, or more operators in the list if the target has them",
    "max_latency": _FASTER,
    "max_latency_p90": _FASTER,
    "max_latency_p99": _FASTER,
    "max_latency_ratio": "an int8 recipe, or fewer layers left in float",
}


def advice(limit: str) -> str:
    """Return one line on what helps to hold ``limit``, a limit's name."""
    return _ADVICE[limit]
