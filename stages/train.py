"""Train the classifier, keep the best epoch, and stop when the monitored metric no longer improves."""

from pathlib import Path

from stages.base.environment import environment
from stages.base.files import save_csv, save_json
from stages.base.inputs import TRAINED_WITH, Inputs
from stages.base.params import METRICS, in_words
from stages.base.process import outputs, run, stop_if_signalled
from stages.data.images import PREPARED, load_images
from stages.training.result import RATE, SUMMARY_PARAMS, result_of

BEST_MODEL = Path("models/best-model.keras")


def main() -> None:
    """Read data/prepared/; write models/, plots/history.csv, metrics/train.json and metrics/environment.json."""
    inputs = Inputs("train")
    params = inputs.params
    train = load_images(PREPARED, "train")
    val = load_images(PREPARED, "val")
    from stages.training.backend import gpus, keras
    from stages.training.callbacks import checkpoint, early_stopping, lower_learning_rate, own_callbacks, stopped_epoch
    from stages.training.display import EpochDisplay
    from stages.training.epochs import run_epochs
    from stages.training.keras_files import make_canonical
    from stages.training.model import compiled_model
    from stages.training.store import stored_epochs

    model = compiled_model(train, params)
    model.summary(line_length=80)
    print(f"\n{in_words(params, SUMMARY_PARAMS)}\n")
    computed_by = environment(gpus())
    epochs = stored_epochs(model, train, val, computed_by, batch_size=params.batch_size, seed=params.seed)
    with outputs(inputs) as begin, epochs:
        best_model, whole_model = begin(BEST_MODEL), begin(Path("models/model_whole.keras"))
        stopping = early_stopping(params.monitor, params.patience, params.min_delta, params.restore_best_weights)
        callbacks = [
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: stop_if_signalled()),
            checkpoint(best_model, params.monitor, params.save_best_only),
            lower_learning_rate(params.monitor, params.lr_patience, params.lr_factor, params.min_delta),
            stopping,
            *own_callbacks(params),
            EpochDisplay(params.monitor, stopping, epochs.computed),
        ]
        history = run_epochs(model, epochs, params.epochs, [callback for callback in callbacks if callback])
        make_canonical(best_model)
        model.save(whole_model)
        make_canonical(whole_model)
        # Save the weights last. HDF5 crashes the process if the disk is full, but make_canonical has just deleted a
        # temporary file that was larger than the weights.
        model.save_weights(begin(Path("models/model.weights.h5")))
        save_json(begin(TRAINED_WITH), inputs.used())
        save_json(begin(Path("metrics/environment.json")), computed_by)
        columns = {name: history[name] for name in METRICS}
        if RATE in history:
            columns[RATE] = [float(f"{rate:.6g}") for rate in history[RATE]]  # 0.1 without the digits of float32
        table = ([number, *row] for number, row in enumerate(zip(*columns.values(), strict=True), 1))
        save_csv(begin(Path("plots/history.csv")), ["epoch", *columns], table)
        result = result_of(history, params.monitor, params.save_best_only, stopped_epoch(stopping))
        save_json(begin(Path("metrics/train.json")), result.model_dump())
    print(epochs.summary())
    best = f"{params.monitor} {getattr(result, params.monitor):.4f}"
    print(f"{result.how_it_ended()}; {BEST_MODEL} keeps epoch {result.best_epoch}, {best}")


if __name__ == "__main__":
    run(main)
