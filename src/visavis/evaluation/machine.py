"""Facts about the machine a measure was taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from visavis import __version__


def machine_facts() -> dict[str, object]:
    """Processor, cores, memory, system, versions."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "visavis": __version__,
    }


def _pinnable() -> bool:
    return hasattr(psutil.Process, "cpu_affinity")


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
