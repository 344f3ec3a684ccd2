"""Export the kept model for other runtimes, and check what was written: `make export`.

Or: python -m stages.commands.export --format onnx [--output PATH]. By Keras's own `Model.export`; the file is then run
in ONNX Runtime on all test images, and gets its name only if it says what the model says. It needs packages that
nothing else here needs. `make export` installs them; by hand, into the project's own environment:
pip install --no-deps --require-hashes -r requirements-onnx.txt
"""

import argparse
import importlib.util
import json
import logging
import warnings
from pathlib import Path

import numpy as np

from stages.base.errors import ProjectError, UserError
from stages.base.process import outputs, run
from stages.data.images import Images, load_images

TOLERANCE = 1e-5  # of a probability: float32 sums of another order, here about 1e-6
BATCH = 1024  # images
PACKAGES = ("onnx", "onnxruntime", "tf2onnx")


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="export", description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("--format", choices=("onnx",), default="onnx")
    parser.add_argument("--model", type=Path, default=Path("models/best-model.keras"))
    parser.add_argument("--output", type=Path, default=Path("models/model.onnx"))
    return parser.parse_args(words)


def write_onnx(model: "keras.Model", path: Path, test: Images) -> None:  # noqa: F821  (imported with TensorFlow alone)
    """Write the model, and the names of its classes under "classes", a JSON list, among the file's properties.

    Keras exports a model only once it was called, as `load_model` has done.
    """
    import onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):  # Keras asks NumPy for a name that it no longer has
        model.export(path, format="onnx", verbose=False)
    written = onnx.load(path)
    for tensor in (*written.graph.input, *written.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"  # for "unk__20" or another number
    onnx.helper.set_model_props(written, {"classes": json.dumps(test.classes.tolist(), ensure_ascii=False)})
    onnx.save(written, path)


def check_onnx(path: Path, expected: np.ndarray, test: Images) -> tuple[float, int]:
    """Run the file on all test images.

    Args:
        path: the file.
        expected: the model's probabilities, float [n, classes].
        test: the test images.

    Returns:
        The largest difference of a probability, and how many images get another class.

    Raises:
        ProjectError: the difference is larger than `TOLERANCE`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    batches = (test.images[start : start + BATCH] for start in range(0, len(test.images), BATCH))
    probabilities = np.concatenate([session.run(None, {given.name: images})[0] for images in batches])
    difference = float(np.abs(probabilities - expected).max())
    others = int(np.sum(probabilities.argmax(axis=-1) != expected.argmax(axis=-1)))
    if not difference <= TOLERANCE:  # so also for NaN
        raise ProjectError(
            f"export: the file's probabilities differ by up to {difference:.2g} from the model's (at most "
            f"{TOLERANCE:.0e} is right), and {others} of {len(expected)} test images get another class: not kept"
        )
    return difference, others


def main() -> None:
    """models/best-model.keras, data/prepared/test.npz -> models/model.onnx."""
    options = arguments()
    if missing := [name for name in PACKAGES if not importlib.util.find_spec(name)]:
        raise UserError(f"export: {', '.join(missing)} not installed; to install and export: make export")
    test = load_images(Path("data/prepared/test.npz"))

    from stages.evaluation.saved_models import load_model, predict

    model = load_model(options.model, test)
    with outputs() as begin:
        path = begin(options.output)
        write_onnx(model, path, test)
        difference, others = check_onnx(path, predict(model, test.images), test)
    print(
        f"{options.output}: on {len(test.labels):,} test images its probabilities are within {difference:.1g} of the "
        f"model's (at most {TOLERANCE:.0e} is right); {others} get another class"
    )


if __name__ == "__main__":
    run(main)
