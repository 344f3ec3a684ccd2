"""Compute Keras's Adam in fewer passes over memory: the same arithmetic in the same order, so the same bits."""

from collections.abc import Callable, Sequence

from stages.training.backend import keras, tf


def is_plain_adam(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether it is Keras's Adam with only a constant learning rate set: no decay, clipping, AMSGrad ..."""
    config = optimizer.get_config()
    return (
        type(optimizer) is keras.optimizers.Adam  # a subclass may do anything
        and isinstance(config["learning_rate"], float)  # no schedule
        and config == keras.optimizers.Adam(config["learning_rate"], name=config["name"]).get_config()
    )


def fused(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> Callable[[Sequence[tf.Tensor]], None]:
    """Return a function of gradients that updates float32 variables to the same bits as `optimizer.apply`.

    For a plain Adam (Kingma and Ba 2015, algorithm 1 with the order of computation at the end of section 2) it is
    faster: three of TensorFlow's fused operations per variable replace eleven of Keras's. TensorFlow's own fused Adam
    is not one of them, because it rounds 1 - beta in another way than Keras. For any other optimizer it is
    `optimizer.apply`.
    """
    if not is_plain_adam(optimizer) or any(variable.constraint for variable in variables):
        return lambda gradients: optimizer.apply(gradients, variables)

    _, _, *slots = optimizer.variables  # without iteration and learning rate: two moments per variable

    def apply(gradients: Sequence[tf.Tensor]) -> None:
        step = tf.cast(optimizer.iterations + 1, tf.float32)
        correction = tf.sqrt(1 - tf.pow(optimizer.beta_2, step))
        rate = optimizer.learning_rate * correction / (1 - tf.pow(optimizer.beta_1, step))
        for gradient, variable, first, second in zip(gradients, variables, slots[::2], slots[1::2], strict=True):
            w, m, v = (each.value for each in (variable, first, second))
            # Keras's m + (g - m) * (1 - beta) as m - (m - g) * (1 - beta): a change of sign is exact.
            tf.raw_ops.ResourceApplyGradientDescent(var=m.handle, alpha=1 - optimizer.beta_1, delta=m - gradient)
            tf.raw_ops.ResourceApplyGradientDescent(
                var=v.handle, alpha=1 - optimizer.beta_2, delta=v - tf.square(gradient)
            )
            tf.raw_ops.ResourceApplyAdagradV2(  # w - m * rate / (sqrt(v) + epsilon)
                var=w.handle, accum=v.handle, lr=rate, epsilon=optimizer.epsilon, grad=m, update_slots=False
            )
        optimizer.iterations.assign_add(1)

    return apply
