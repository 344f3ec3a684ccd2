"""The least that an epoch can cost here: its products and Adam's updates, and nothing else.

One TensorFlow graph with the backend's settings, at the shapes of the workspace that it runs in. For every step: the
products forward, those backward (each kernel's gradient, and that of each layer's inputs but the first's), one fused
Adam update of each variable; then the products of validation. Convolutions count as products. No gather, scaling,
activation, pooling, dropout, loss or metric. Prints one line of JSON.

Run in a workspace whose data is prepared: python -m benchmarks.floor --network dense
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from stages.base.files import load_json
from stages.base.params import read_params
from stages.training.backend import tf, use_threads
from stages.training.networks import NETWORKS

SIDE, CLASSES, FILTERS = 28, 10, (32, 64)
REPETITIONS = 5
AT_ONCE = 1000  # images of validation, with convolutions

Products = Callable[[tf.Tensor], list[tf.Tensor]]


def seconds(run: Callable[[], object]) -> float:
    """The median of a few runs, after one that traces the graph."""
    run()
    taken = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def noise(shape: tuple[int, ...]) -> tf.Tensor:
    """Numbers that are no zeros."""
    return tf.random.stateless_normal(shape, seed=(1, 1), stddev=0.05)


# In each function a product takes what an earlier one made, so that none can be left out or moved out of the loop.


def dense_products(kernels: list[tf.Variable]) -> tuple[Products, Products]:
    """Those of prediction, and of a step of training: then the kernels' gradients, and what else must be computed."""
    hidden_kernel, output_kernel = kernels

    def forward(pixels: tf.Tensor) -> list[tf.Tensor]:
        hidden_outputs = pixels @ hidden_kernel  # [batch, hidden]
        return [hidden_outputs, hidden_outputs @ output_kernel]  # [batch, classes]

    def step(pixels: tf.Tensor) -> list[tf.Tensor]:
        hidden_outputs, outputs = forward(pixels)
        to_output = tf.matmul(hidden_outputs, outputs, transpose_a=True)  # [hidden, classes]
        to_hidden_outputs = tf.matmul(outputs, output_kernel, transpose_b=True)  # [batch, hidden]
        to_hidden = tf.matmul(pixels, to_hidden_outputs, transpose_a=True)  # [pixels, hidden]
        return [to_hidden, to_output, to_hidden_outputs]

    return forward, step


def cnn_products(kernels: list[tf.Variable]) -> tuple[Products, Products]:
    """The same with two convolutions before; in the place of a pooling, every other pixel."""
    first, second, *others = kernels
    dense_forward, dense_step = dense_products(others)
    same = {"strides": [1, 1, 1, 1], "padding": "SAME"}

    def convolved(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        wide = tf.nn.conv2d(images, first, **same)  # [batch, 28, 28, 32]
        halved = wide[:, ::2, ::2]
        narrow = tf.nn.conv2d(halved, second, **same)  # [batch, 14, 14, 64]
        return wide, halved, narrow, tf.reshape(narrow[:, ::2, ::2], (images.shape[0], -1))  # [batch, 3136]

    def forward(images: tf.Tensor) -> list[tf.Tensor]:
        return dense_forward(convolved(images)[-1])

    def step(images: tf.Tensor) -> list[tf.Tensor]:
        wide, halved, narrow, flat = convolved(images)
        *gradients, to_hidden_outputs = dense_step(flat)
        to_flat = tf.matmul(to_hidden_outputs, others[0], transpose_b=True)  # [batch, 3136]
        to_second = tf.raw_ops.Conv2DBackpropFilter(
            input=halved, filter_sizes=second.shape, out_backprop=narrow, **same
        )
        to_halved = tf.raw_ops.Conv2DBackpropInput(input_sizes=halved.shape, filter=second, out_backprop=narrow, **same)
        to_first = tf.raw_ops.Conv2DBackpropFilter(input=images, filter_sizes=first.shape, out_backprop=wide, **same)
        return [to_first, to_second, *gradients, to_flat, to_halved]

    return forward, step


def main() -> None:
    """Measure both, print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("dense", "cnn"), default="dense")
    parser.add_argument("--images", type=int, help="the first so many of training and a quarter of them (default: all)")
    arguments = parser.parse_args()
    use_threads(NETWORKS[arguments.network].threads)
    params = read_params()
    counts = load_json(Path("metrics/data.json"), "train", "val")
    train = min(arguments.images or counts["train"], counts["train"])
    val = min(arguments.images // 4 if arguments.images else counts["val"], counts["val"])
    batch, hidden, steps = params.batch_size, params.hidden_units, train // params.batch_size

    if arguments.network == "cnn":
        one, two = FILTERS
        shapes = [(3, 3, 1, one), (3, 3, one, two), ((SIDE // 4) ** 2 * two, hidden), (hidden, CLASSES)]
        image, at_once, of_kernels = (SIDE, SIDE, 1), AT_ONCE, cnn_products
    else:
        shapes = [(SIDE * SIDE, hidden), (hidden, CLASSES)]
        image, at_once, of_kernels = (SIDE * SIDE,), val, dense_products
    kernels = [tf.Variable(noise(shape)) for shape in shapes]
    variables = [*kernels, *(tf.Variable(noise(shape[-1:])) for shape in shapes)]
    moments = [(tf.Variable(tf.zeros(each.shape)), tf.Variable(tf.zeros(each.shape))) for each in variables]
    constant = [noise(each.shape) for each in variables]  # gradients
    forward, step = of_kernels(kernels)
    images, val_images = noise((batch, *image)), noise((min(at_once, val), *image))

    def adam(gradients: list[tf.Tensor]) -> None:
        for variable, (first, second), gradient in zip(variables, moments, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=first.handle, v=second.handle, grad=gradient,
                beta1_power=0.5, beta2_power=0.5, lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-7,
            )  # fmt: skip

    @tf.function(jit_compile=False)
    def updates() -> None:
        for _ in tf.range(steps):
            adam(constant)

    @tf.function(jit_compile=False)
    def epoch() -> tf.Tensor:
        used = tf.zeros(())
        for _ in tf.range(steps):
            made = step(images)
            adam([*made[: len(kernels)], *constant[len(kernels) :]])
            used += tf.add_n([tf.reshape(each, (-1,))[0] for each in made[len(kernels) :]])
        for _ in tf.range(max(1, val // at_once)):
            used += tf.reduce_sum(forward(val_images)[-1])
        return used

    print(json.dumps({"adam": seconds(updates), "epoch": seconds(lambda: epoch().numpy())}))


if __name__ == "__main__":
    main()
