"""What an epoch's time goes to, by TensorFlow's operations: a profile of the train stage's own graph. Prints a table.

TensorFlow does not trace operations that it takes for cheap; the difference to the sum is theirs and the executor's.

Run in a workspace whose data is prepared: python -m benchmarks.operations --network dense
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.loop import first
from stages.base.params import read_params
from stages.data.images import load_images

LEAST = 0.5  # microseconds a step, of a row
LOOP = "while/body/_1/"  # where the steps are, in the names


def main() -> None:
    """Train an epoch, then another that is traced; print what each kind of operation took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", help="(default: that of params.yaml)")
    parser.add_argument("--images", type=int, default=16_000, help="for training (default: %(default)s)")
    arguments = parser.parse_args()
    params = read_params()
    if arguments.network:
        params = params.model_copy(update={"network": arguments.network})
    train, val = (load_images(Path(f"data/prepared/{part}.npz")) for part in ("train", "val"))
    train, val = first(train, arguments.images), first(val, arguments.images // 4)

    from stages.training.backend import tf
    from stages.training.epochs import epoch_runner
    from stages.training.model import compiled_model

    run_epoch = epoch_runner(compiled_model(train, params), train, val, params.batch_size, params.seed)
    run_epoch(0)  # traces the graph
    steps = len(train.labels) / params.batch_size
    start = time.perf_counter()
    run_epoch(1)
    middle = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        options = tf.profiler.experimental.ProfilerOptions(device_tracer_level=0)
        with tf.profiler.experimental.Profile(folder, options):
            run_epoch(2)
        counts, taken = operations(Path(folder))
    print(f"{1e6 * (middle - start) / steps:.0f} microseconds a step, validation included; of those that are traced:\n")
    print(f"{'operation':<30}{'a step':>8}{'microseconds':>14}  where")
    small = Counter()
    for name, microseconds in taken.most_common():
        if microseconds / steps >= LEAST:
            where, kind = name.split(":")
            print(f"{kind:<30}{counts[name] / steps:8.1f}{microseconds / steps:14.1f}  {where}")
        else:
            small.update(number=counts[name], microseconds=microseconds)
    print(f"{'all others':<30}{small['number'] / steps:8.1f}{small['microseconds'] / steps:14.1f}")
    print(f"{'sum':<30}{counts.total() / steps:8.1f}{taken.total() / steps:14.1f}")


def operations(folder: Path) -> tuple[Counter, Counter]:
    """How often each operation of the steps ran in what was traced, and the microseconds of all its runs."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    counts, taken = Counter(), Counter()
    for file in folder.rglob("*.xplane.pb"):
        space = XSpace()
        space.ParseFromString(file.read_bytes())
        for plane in space.planes:
            for event in (event for line in plane.lines for event in line.events):
                name = plane.event_metadata[event.metadata_id].name
                if name.startswith(LOOP):
                    counts[name.removeprefix(LOOP)] += 1
                    taken[name.removeprefix(LOOP)] += event.duration_ps / 1e6
    return counts, taken


if __name__ == "__main__":
    main()
