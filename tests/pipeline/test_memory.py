"""More images than memory holds: the system keeps of their files what it has room for."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.made import STAGES, outputs_in, run_code
from tests.support.workspace import new_workspace

SIDE = 224
CGROUPS = {  # of both versions of Linux's control groups: where one is made, and the file that says its limit
    Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",
    Path("/sys/fs/cgroup"): "memory.max",
}


@contextmanager
def memory_limit(size: int) -> Iterator[str]:
    """Yield code that limits a process to this many bytes, with the cached contents of its files."""
    for above, file in CGROUPS.items():
        group = above / f"test-{os.getpid()}"
        try:
            group.mkdir()
            (group / file).write_text(str(size))
        except OSError:
            continue
        try:
            yield f"import os; open('{group}/cgroup.procs', 'w').write(str(os.getpid()))\n"
        finally:
            group.rmdir()
        return
    pytest.skip("no memory limit can be set here")


def pictures(folder: Path, count: int) -> None:
    """Write this many pictures of two classes; a hundred are different, the others are links to them."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / ("light", "dark")[number % 2] / f"{number}.jpg"
        if number < 100:
            path.parent.mkdir(parents=True, exist_ok=True)
            small = random.integers(0, 128, (8, 8, 3), np.uint8) + 100 * (number % 2 == 0)
            Image.fromarray(small.astype(np.uint8)).resize((SIDE, SIDE)).save(path)
        else:
            path.hardlink_to(path.with_name(f"{number % 100}.jpg"))


@pytest.mark.acceptance
def test_a_run_with_less_memory_than_images_has_the_same_bytes(tmp_path: Path):
    limit = 700_000_000  # of which Python and TensorFlow take most
    params = {"dataset": "images", "image_dir": "pictures", "image_size": SIDE, "color_mode": "rgb"}
    for name in ("whole", "limited"):
        new_workspace(tmp_path / name, **params, hidden_units=10, epochs=2, patience=None)
        pictures(tmp_path / name / "pictures", 2 * limit // (SIDE * SIDE * 3))
    start = time.perf_counter()
    run_code(tmp_path / "whole", STAGES)
    between = time.perf_counter()
    with memory_limit(limit) as limited:
        run_code(tmp_path / "limited", limited + STAGES)
    took = time.perf_counter() - between
    assert outputs_in(tmp_path / "limited") == outputs_in(tmp_path / "whole")
    print(f"images of 2 x {limit / 1e6:.0f} MB: {between - start:.0f} s without a limit, {took:.0f} s with it")
