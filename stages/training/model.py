"""Build and compile the model of any network, the same one each time, and choose the batch size for evaluation."""

import math
from collections.abc import Iterator

from stages.base.errors import UserError, one_line
from stages.base.params import PARAMS_FILE, TrainingParams
from stages.data.images import Images
from stages.training.backend import keras, use_threads
from stages.training.networks import NETWORKS

# The most outputs that a layer may have in an evaluation step (float32, so 164 MB): those of the widest hidden layer
# that params.yaml allows, for the most images per step.
MOST_OUTPUTS, MOST_IMAGES = 4096 * 10_000, 4096


def _outputs(model: keras.Model) -> Iterator[int]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _outputs(layer)
        else:
            yield sum(math.prod(tensor.shape[1:]) for tensor in keras.tree.flatten(layer.output))


def evaluation_batch(model: keras.Model) -> int:
    """Return the batch size for validation and evaluation: the largest power of two at which the widest layer fits.

    The last bits of a loss depend on it. So it is a function of the model alone, and the same for validation during
    training and for evaluation afterwards.
    """
    return min(MOST_IMAGES, 2 ** int(math.log2(max(1, MOST_OUTPUTS // max(_outputs(model))))))


def build_model(data: Images, params: TrainingParams) -> keras.Model:
    """Return the network of these parameters for images of this shape, not compiled; the same one each time.

    Layers without a seed draw one from Python's `random`, and Keras numbers layers without a name, both in the order
    of creation. So this function first resets both.

    Raises:
        UserError: the network does not fit images of this size.
    """
    network = NETWORKS[params.network]
    use_threads(network.threads)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(params.seed)
    shape = data.images.shape[1:]
    try:
        return network.build(shape, len(data.classes), params)
    except ValueError as error:
        size = " x ".join(map(str, shape))
        raise UserError(
            f"{PARAMS_FILE}: network: {params.network} cannot be made for images of {size}: {one_line(error)}"
        ) from error


def compile_model(model: keras.Model, optimizer: str, learning_rate: float) -> None:
    """Compile a model in place for integer labels; `optimizer` is Keras's name for it."""
    model.compile(
        optimizer=keras.optimizers.get(
            {"class_name": optimizer, "config": {"name": optimizer, "learning_rate": learning_rate}}
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA draws other dropout masks, depends on the number of threads, and is slower on CPUs
    )


def compiled_model(data: Images, params: TrainingParams) -> keras.Model:
    """Return the compiled model for images of this shape, before its first epoch."""
    model = build_model(data, params)
    compile_model(model, params.optimizer, params.learning_rate)
    return model
