"""Any network as a model to train: built the same each time, compiled; how many images at a time it is measured on."""

import math
from collections.abc import Iterator

from stages.base.errors import UserError, one_line
from stages.base.params import PARAMS_FILE, TrainingParams
from stages.data.images import Images
from stages.training.backend import keras, use_threads
from stages.training.networks import NETWORKS, dropout_layer

# Of a layer, over the images of a step without training: float32, so 164 MB. What the widest hidden layer that
# params.yaml takes has for the most images.
MOST_OUTPUTS, MOST_IMAGES = 4096 * 10_000, 4096


def _outputs(model: keras.Model) -> Iterator[int]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _outputs(layer)
        else:
            yield sum(math.prod(tensor.shape[1:]) for tensor in keras.tree.flatten(layer.output))


def evaluation_batch(model: keras.Model) -> int:
    """Images a step without training: as many as fit into memory, by the widest layer, in powers of two.

    The sums over steps, so the last bits of a loss, depend on it: so it is the model's alone, and the same for
    validation while training and for evaluation afterwards.
    """
    return min(MOST_IMAGES, 2 ** int(math.log2(max(1, MOST_OUTPUTS // max(_outputs(model))))))


def build_model(data: Images, params: TrainingParams) -> keras.Model:
    """The network of these parameters for such images, not compiled; the same one each time.

    Layers that name no seed draw one from Python's `random`, and layers without a name are counted by Keras, both in
    order of their making. So what was made before in this process is forgotten first.

    Raises:
        UserError: the network cannot be made for images of this size.
        ProjectError: this process has computed with another number of threads than the network's.
    """
    network = NETWORKS[params.network]
    use_threads(network.threads)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(params.seed)
    shape = data.images.shape[1:]
    try:
        return network.build(shape, len(data.classes), params, dropout_layer(params.dropout, params.seed))
    except ValueError as error:
        size = " x ".join(map(str, shape))
        raise UserError(
            f"{PARAMS_FILE}: network: {params.network} cannot be made for images of {size}: {one_line(error)}"
        ) from error


def compile_model(model: keras.Model, optimizer: str, learning_rate: float) -> None:
    """Compile in place, for sparse integer labels; `optimizer` by Keras's name."""
    model.compile(
        optimizer=keras.optimizers.get(
            {"class_name": optimizer, "config": {"name": optimizer, "learning_rate": learning_rate}}
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA draws other dropout masks, depends on the number of threads, and is slower here
    )


def compiled_model(data: Images, params: TrainingParams) -> keras.Model:
    """The model for such images before its first epoch.

    Raises:
        UserError, ProjectError: see `build_model`.
    """
    model = build_model(data, params)
    compile_model(model, params.optimizer, params.learning_rate)
    return model
