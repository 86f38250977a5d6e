"""What a benchmark ran on, for the head of its tables."""

import os
import platform
from pathlib import Path

import psutil


def hardware() -> str:
    """Describe the processor and the memory."""
    model, flags = platform.processor(), ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        info = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        model, flags = info.get("model name", model), info.get("flags", "")
    telling = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    sets = [name for name in telling if name in flags.split()]
    memory_gb = psutil.virtual_memory().total / 1e9
    return f"{os.cpu_count()} cores of {model} ({', '.join(sets) or platform.machine()}), {memory_gb:.0f} GB"
