"""Train the classifier, keep the best epoch, stop when the monitored metric no longer improves."""

from pathlib import Path

from stages.core.artifacts import load_images, save_csv, save_json
from stages.core.environment import environment
from stages.core.errors import run
from stages.core.params import read_params

BEST_MODEL = Path("models/best-model.keras")
WHOLE_MODEL = Path("models/model_whole.keras")
WEIGHTS = Path("models/model.weights.h5")


def main() -> None:
    """data/prepared/{train,val}.npz -> models/, plots/history.csv, metrics/{train,environment}.json."""
    params = read_params()
    train = load_images(Path("data/prepared/train.npz"))
    val = load_images(Path("data/prepared/val.npz"))

    from stages.core.callbacks import EpochLines, best_epoch, checkpoint, early_stopping
    from stages.core.epochs import METRICS, epoch_runner, run_epochs
    from stages.core.keras_files import make_canonical
    from stages.core.model import build_model, compile_model, dropout_layer

    model = build_model(
        input_shape=train.images.shape[1:],
        classes=len(train.classes),
        hidden_units=params.hidden_units,
        optional_layer=dropout_layer(params.dropout, params.seed),
        seed=params.seed,
    )
    compile_model(model, params.optimizer, params.learning_rate)
    model.summary(line_length=80)

    BEST_MODEL.parent.mkdir(exist_ok=True)
    stopping = early_stopping(params.monitor, params.patience, params.min_delta, params.restore_best_weights)
    callbacks = [
        checkpoint(BEST_MODEL, params.monitor, params.save_best_only),
        *([stopping] if stopping else []),
        EpochLines(params.monitor, stopping),
    ]
    run_epoch = epoch_runner(model, train, val, params.batch_size, params.seed)
    history = run_epochs(model, run_epoch, params.epochs, callbacks)

    model.save(WHOLE_MODEL)
    model.save_weights(WEIGHTS)
    make_canonical(BEST_MODEL)
    make_canonical(WHOLE_MODEL)
    save_json(Path("metrics/environment.json"), environment())

    epochs = len(history["loss"])
    kept = best_epoch(history[params.monitor], params.monitor) if params.save_best_only else epochs - 1
    stopped_epoch = stopping.stopped_epoch + 1 if stopping and stopping.stopped_epoch else None
    save_csv(
        Path("plots/history.csv"),
        ["epoch", *METRICS],
        zip(range(1, epochs + 1), *(history[name] for name in METRICS), strict=True),
    )
    save_json(
        Path("metrics/train.json"),
        {
            "epochs": epochs,
            "best_epoch": kept + 1,
            "stopped_early": stopped_epoch is not None,
            "stopped_epoch": stopped_epoch,
            **{name: history[name][kept] for name in METRICS},
        },
    )
    by = f" by more than {params.min_delta:g}" if params.min_delta else ""
    why = (
        f"stopped after epoch {stopped_epoch}: {params.monitor} no better{by} for {params.patience} epochs in a row"
        if stopped_epoch
        else f"ran all {epochs} epochs"
    )
    print(f"{why}; {BEST_MODEL} keeps epoch {kept + 1}, {params.monitor} {history[params.monitor][kept]:.4f}")


if __name__ == "__main__":
    run(main)
