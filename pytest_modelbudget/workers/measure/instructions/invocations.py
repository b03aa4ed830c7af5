"""The program that Valgrind runs: invokes one model, and has callgrind count each invocation.

Usage: ``invocations.py PATHS MODEL INPUTS WARMUP COUNTED``. PATHS is a ``sys.path`` in JSON, INPUTS
a folder with one ``INDEX.npy`` for each input. callgrind writes one file for each counted
invocation. The CPU features that LiteRT can see are printed.

It imports nothing of this package: everything that runs here takes many times as long as elsewhere.
"""

import ctypes
import json
import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What the macros of valgrind/valgrind.h and valgrind/callgrind.h do on x86-64, as a function of the
# address of a request: Valgrind recognizes the four rotations, which change nothing elsewhere.
_CLIENT_REQUEST = bytes.fromhex(
    "48 89 f8"  # mov rax, rdi
    "31 d2"  # xor edx, edx
    "48 c1 c7 03 48 c1 c7 0d"  # rol rdi, 3; rol rdi, 13
    "48 c1 c7 3d 48 c1 c7 33"  # rol rdi, 61; rol rdi, 51
    "48 87 db"  # xchg rbx, rbx
    "48 89 d0"  # mov rax, rdx
    "c3"  # ret
)
# Stores ebx and ecx of the leaf ``edi`` where ``rsi`` points.
_CPUID = bytes.fromhex(
    "53"  # push rbx
    "89 f8"  # mov eax, edi
    "31 c9"  # xor ecx, ecx
    "0f a2"  # cpuid
    "89 1e"  # mov [rsi], ebx
    "89 4e 04"  # mov [rsi + 4], ecx
    "5b"  # pop rbx
    "c3"  # ret
)
_CALLGRIND = ord("C") << 24 | ord("T") << 16
_DUMP, _ZERO, _START, _STOP = 0, 1, 4, 5
_EBX, _ECX = 0, 1
# Those that XNNPACK has other kernels for: leaf, register and bit.
_FEATURES = {
    "SSE4.1": (1, _ECX, 19),
    "AVX": (1, _ECX, 28),
    "FMA": (1, _ECX, 12),
    "F16C": (1, _ECX, 29),
    "AVX2": (7, _EBX, 5),
    "AVX-512": (7, _EBX, 16),
    "AVX-512 VNNI": (7, _ECX, 11),
}


def main() -> None:
    """Do what the usage says."""
    paths, model, inputs, warmup, counted = sys.argv[1:]
    sys.path[:] = json.loads(paths)
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    litert = Interpreter(model, num_threads=1)
    values = {int(file.stem): np.load(file) for file in Path(inputs).iterdir()}
    for index, value in values.items():
        litert.resize_tensor_input(index, value.shape)
    litert.allocate_tensors()
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.stdout.write(", ".join(_features(memory)))
    request = _requests(memory)
    for number in range(int(warmup) + int(counted)):
        litert.reset_all_variables()
        for index, value in values.items():
            litert.set_tensor(index, value)
        is_counted = number >= int(warmup)
        if is_counted:
            request(_START)
            request(_ZERO)
        litert.invoke()
        if is_counted:
            request(_DUMP)
            request(_STOP)


def _features(memory: mmap.mmap) -> list[str]:
    """Return the names of the CPU features that this process can use, and ``no AVX-512``."""
    cpuid = _function(memory, _CPUID, None, ctypes.c_uint32, ctypes.c_void_p)
    found = []
    for name, (leaf, register, bit) in _FEATURES.items():
        registers = (ctypes.c_uint32 * 2)()
        cpuid(leaf, ctypes.addressof(registers))
        if registers[register] >> bit & 1:
            found.append(name)
    return found if "AVX-512" in found else [*found, "no AVX-512"]


def _requests(memory: mmap.mmap) -> Callable[[int], int]:
    """Return a function that sends a request to callgrind, by its number."""
    send = _function(memory, _CLIENT_REQUEST, ctypes.c_size_t, ctypes.c_void_p)

    def request(number: int) -> int:
        # The number and up to five arguments.
        words = (ctypes.c_size_t * 6)(_CALLGRIND + number)
        return int(send(ctypes.addressof(words)))

    return request


def _function(memory: mmap.mmap, code: bytes, result: Any, *arguments: Any) -> Any:
    """Append machine code to executable memory, and return it as a function."""
    start = memory.tell()
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory, start))
    return ctypes.CFUNCTYPE(result, *arguments)(address)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # to take all modules down is a fifth of what this program takes under Valgrind
