"""How many processors this process may use."""

import os
from functools import cache
from pathlib import Path


@cache
def available_cpus() -> int:
    """Processors of the affinity mask, at most the cgroup's CPU limit: LightGBM itself sees all of the node's."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            group = Path("/sys/fs/cgroup/cpu")
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        except OSError:
            quota = period = "max"
    if quota.strip() not in ("max", "-1"):
        cores = min(cores, float(quota) / float(period))
    return max(1, int(cores))
