"""Train the classifier, keep the best epoch, stop when the monitored metric no longer improves."""

from pathlib import Path

from stages.core.artifacts import METRICS, outputs, save_csv, save_json
from stages.core.ending import why_it_ended
from stages.core.environment import environment
from stages.core.errors import UserError, run
from stages.core.images import load_images
from stages.core.inputs import Inputs
from stages.core.params import PARAMS_FILE

BEST_MODEL = Path("models/best-model.keras")


def main() -> None:
    """data/prepared/{train,val}.npz -> models/, plots/history.csv, metrics/{train,environment}.json."""
    inputs = Inputs("train")
    params = inputs.params
    train = load_images(Path("data/prepared/train.npz"))
    val = load_images(Path("data/prepared/val.npz"))
    try:
        params.check_batch(len(train.labels))
    except ValueError as error:  # of a folder of images, which nobody counts before it is read
        raise UserError(f"{PARAMS_FILE}: {error}") from None

    from stages.core.backend import gpus
    from stages.core.callbacks import StopIfUnwanted, best_epoch, checkpoint, early_stopping
    from stages.core.epoch_display import EpochDisplay
    from stages.core.epochs import run_epochs
    from stages.core.keras_files import make_canonical
    from stages.core.training import compiled_model, stored_epochs

    model = compiled_model(
        train,
        hidden_units=params.hidden_units,
        dropout=params.dropout,
        optimizer=params.optimizer,
        learning_rate=params.learning_rate,
        seed=params.seed,
    )
    model.summary(line_length=80)
    print()
    computed_by = environment(gpus())
    epochs = stored_epochs(model, train, val, computed_by, batch_size=params.batch_size, seed=params.seed)

    with outputs(inputs.stop_if_changed) as begin, epochs:
        best_model, whole_model = begin(BEST_MODEL), begin(Path("models/model_whole.keras"))
        stopping = early_stopping(params.monitor, params.patience, params.min_delta, params.restore_best_weights)
        callbacks = [
            StopIfUnwanted(),
            checkpoint(best_model, params.monitor, params.save_best_only),
            *([stopping] if stopping else []),
        ]
        with EpochDisplay(params.monitor, stopping, epochs.computed) as display:
            history = run_epochs(model, epochs, params.epochs, [*callbacks, display])
        make_canonical(best_model)
        model.save(whole_model)
        make_canonical(whole_model)
        # Last of the models: HDF5 ends the process in a crash where the disk is full, and the copy that
        # make_canonical has just taken away was larger.
        model.save_weights(begin(Path("models/model.weights.h5")))
        save_json(begin(Path("models/inputs.json")), inputs.record())
        save_json(begin(Path("metrics/environment.json")), computed_by)

        count = len(history["loss"])
        kept = best_epoch(history[params.monitor], params.monitor) if params.save_best_only else count - 1
        stopped_epoch = stopping.stopped_epoch + 1 if stopping and stopping.stopped_epoch else None
        save_csv(
            begin(Path("plots/history.csv")),
            ["epoch", *METRICS],
            zip(range(1, count + 1), *(history[name] for name in METRICS), strict=True),
        )
        save_json(
            begin(Path("metrics/train.json")),
            {
                "epochs": count,
                "best_epoch": kept + 1,
                "stopped_early": stopped_epoch is not None,
                "stopped_epoch": stopped_epoch,
                **{name: history[name][kept] for name in METRICS},
            },
        )
    print(epochs.summary())
    print(why_it_ended(count, stopped_epoch, params.monitor, params.patience, params.min_delta))
    print(f"{BEST_MODEL} keeps epoch {kept + 1}, {params.monitor} {history[params.monitor][kept]:.4f}")


if __name__ == "__main__":
    run(main)
