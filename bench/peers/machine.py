"""The machine, as far as it matters for times."""

import os
import pathlib
import platform
import time


def read(path):
    path = pathlib.Path(path)
    return path.read_text().strip() if path.exists() else None


def cpu_field(name):
    for line in open("/proc/cpuinfo"):
        if line.split(":")[0].strip() == name:
            return line.split(":", 1)[1].strip()
    return None


def busy(seconds=2):
    """The share of processor time that others use now."""
    def times():
        fields = [int(field) for field in open("/proc/stat").readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    all_before, idle_before = times()
    time.sleep(seconds)
    all_after, idle_after = times()
    return round(1 - (idle_after - idle_before) / (all_after - all_before), 2)


def describe():
    flags = (cpu_field("flags") or "").split()
    wanted = ("avx", "fma", "f16c", "amx", "hypervisor")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "cpu": cpu_field("model name") or platform.processor(),
        "family_model_stepping": [cpu_field(name) for name in ("cpu family", "model", "stepping")],
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in flags if flag.startswith(wanted)],
        "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "busy_at_start": busy(),
    }


def in_words(machine):
    governor = f", governor {machine['governor']}" if machine["governor"] else ""
    wanted = [flag for flag in machine["flags"] if flag in ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8")]
    return (f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}{governor}; "
            f"{', '.join(wanted)}.")
