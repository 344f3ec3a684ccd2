"""Measure the kept model on validation and test images, check that saving and loading lost nothing, write its card."""

from pathlib import Path

from stages.core.artifacts import load_json, outputs, save_csv, save_json
from stages.core.calibration import expected_calibration_error, reliability
from stages.core.card import card
from stages.core.counts import counted
from stages.core.errors import run
from stages.core.images import load_images
from stages.core.inputs import Inputs, hold
from stages.core.metrics import ClassScores, macro_f1, per_class

BEST_MODEL, WHOLE_MODEL = Path("models/best-model.keras"), Path("models/model_whole.keras")


def main() -> None:
    """models/, data/prepared/{val,test}.npz, metrics/ -> metrics/evaluation.json, tables in plots/, models/CARD.md."""
    inputs = Inputs("evaluate")
    params = inputs.params
    hold(Path("data/prepared/inputs.json"), inputs)
    hold(Path("models/inputs.json"), inputs)
    train = load_json(Path("metrics/train.json"), "epochs", "best_epoch")
    environment = load_json(Path("metrics/environment.json"))
    val = load_images(Path("data/prepared/val.npz"))
    test = load_images(Path("data/prepared/test.npz"))
    data = counted(test)
    names = test.classes.tolist()

    from stages.core.evaluation import (
        check_described,
        check_saved_models,
        load_model,
        load_weights,
        loss_and_accuracy,
        predict,
    )
    from stages.core.model import build_model, compile_model, dropout_layer

    rebuilt = build_model(
        input_shape=val.images.shape[1:],
        classes=len(names),
        hidden_units=params.hidden_units,
        optional_layer=dropout_layer(params.dropout, params.seed),
        seed=params.seed,
    )
    load_weights(rebuilt, Path("models/model.weights.h5"))
    compile_model(rebuilt, params.optimizer, params.learning_rate)
    saved = {path: load_model(path, val) for path in (BEST_MODEL, WHOLE_MODEL)}
    for path, model in saved.items():
        check_described(path, model, rebuilt)
    correct = check_saved_models(saved[WHOLE_MODEL], rebuilt, val)
    print(f"save and load agree: argmax and evaluate both {correct} of {len(val.labels)} validation images")

    best = saved[BEST_MODEL]
    probabilities = predict(best, test.images)  # [n, classes]
    predicted = probabilities.argmax(axis=-1)  # [n]
    scores = {names[label]: score for label, score in per_class(test.labels, predicted).items()}
    bins = reliability(probabilities, test.labels)

    evaluation = {
        "validation": loss_and_accuracy(best, val),
        "test": {
            **loss_and_accuracy(best, test),
            "macro_f1": macro_f1(test.labels, predicted),
            "ece": expected_calibration_error(bins),
            "per_class": {
                name: {"precision": score.precision, "recall": score.recall, "f1": score.f1}
                for name, score in scores.items()
            },
        },
    }
    guesses = (
        [names[label], names[guess], confidence]
        for label, guess, confidence in zip(test.labels, predicted, probabilities.max(axis=-1), strict=True)
    )
    text = card(
        names,
        test.images.shape[1:],
        evaluation,
        scores,
        bins,
        params=params.used(),
        data=data,
        train=train,
        environment=environment,
    )
    by_class = ([name, *score] for name, score in scores.items())
    with outputs(inputs.stop_if_changed) as begin:
        save_json(begin(Path("metrics/inputs.json")), inputs.record())
        save_json(begin(Path("metrics/evaluation.json")), evaluation)
        save_csv(begin(Path("plots/predictions.csv")), ["actual", "predicted", "confidence"], guesses)
        save_csv(begin(Path("plots/per_class.csv")), ["class", *ClassScores._fields], by_class)
        save_csv(begin(Path("plots/reliability.csv")), bins[0]._fields, bins)
        begin(Path("models/CARD.md")).write_text(text, encoding="utf-8")
    for part in ("validation", "test"):
        print(f"{part}: loss {evaluation[part]['loss']:.4f}, accuracy {evaluation[part]['accuracy']:.4f}")


if __name__ == "__main__":
    run(main)
