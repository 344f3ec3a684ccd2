"""The least that an epoch can cost here: its matrix products and Adam's updates, and nothing else.

One TensorFlow graph with the backend's settings, at the shapes of the workspace that it runs in: the two products
forward, the three backward (both weights' gradients and the hidden outputs'), one fused Adam update of each variable,
for every step; then the two products of validation. No gather, scaling, activation, dropout, loss or metric. Prints
one line of JSON.

Run in a workspace whose data is prepared: python -m benchmarks.floor
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from stages.base.files import load_json
from stages.base.params import read_params
from stages.training.backend import tf

PIXELS, CLASSES = 28 * 28, 10
REPETITIONS = 5


def seconds(run: Callable[[], object]) -> float:
    """The median of a few runs, after one that traces the graph."""
    run()
    taken = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    """Measure both, print them."""
    params = read_params()
    counts = load_json(Path("metrics/data.json"), "train", "val")
    batch, hidden, steps = params.batch_size, params.hidden_units, counts["train"] // params.batch_size

    shapes = ((PIXELS, hidden), (hidden,), (hidden, CLASSES), (CLASSES,))
    weights = [tf.Variable(tf.random.stateless_normal(shape, seed=(0, 0), stddev=0.05)) for shape in shapes]
    moments = [(tf.Variable(tf.zeros(shape)), tf.Variable(tf.zeros(shape))) for shape in shapes]
    constant = [tf.random.stateless_normal(shape, seed=(1, 1)) for shape in shapes]  # gradients
    pixels = tf.random.stateless_uniform((batch, PIXELS), seed=(2, 2))
    val_pixels = tf.random.stateless_uniform((counts["val"], PIXELS), seed=(3, 3))

    def adam(gradients: list[tf.Tensor]) -> None:
        for variable, (first, second), gradient in zip(weights, moments, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=first.handle, v=second.handle, grad=gradient,
                beta1_power=0.5, beta2_power=0.5, lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-7,
            )  # fmt: skip

    def products() -> list[tf.Tensor]:
        # Each product takes what an earlier one made, so that none can be left out or moved out of the loop.
        hidden_kernel, _, output_kernel, _ = weights
        hidden_outputs = pixels @ hidden_kernel  # [batch, hidden]
        outputs = hidden_outputs @ output_kernel  # [batch, classes]
        to_output = tf.matmul(hidden_outputs, outputs, transpose_a=True)  # [hidden, classes]
        to_hidden_outputs = tf.matmul(outputs, output_kernel, transpose_b=True)  # [batch, hidden]
        to_hidden = tf.matmul(pixels, to_hidden_outputs, transpose_a=True)  # [pixels, hidden]
        return [to_hidden, constant[1], to_output, constant[3]]

    @tf.function(jit_compile=False)
    def updates() -> None:
        for _ in tf.range(steps):
            adam(constant)

    @tf.function(jit_compile=False)
    def epoch() -> tf.Tensor:
        for _ in tf.range(steps):
            adam(products())
        return tf.reduce_sum(val_pixels @ weights[0] @ weights[2])

    print(json.dumps({"adam": seconds(updates), "epoch": seconds(lambda: epoch().numpy())}))


if __name__ == "__main__":
    main()
