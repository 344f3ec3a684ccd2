"""Export the kept model to ONNX, and check the file on all test images in ONNX Runtime.

Needs three packages that nothing else here needs: `make export` installs them.
"""

import argparse
import importlib.util
import json
import logging
import warnings
from pathlib import Path

import numpy as np

from stages.base.errors import ProjectError, UserError
from stages.base.inputs import warn_if_edited
from stages.base.process import outputs, run
from stages.data.images import PREPARED, Images, load_images

TOLERANCE = 1e-5  # of a probability: float32 sums in another order differ by about 1e-6
BATCH = 1024  # images
PACKAGES = ("onnx", "onnxruntime", "tf2onnx")


def write_onnx(model: "keras.Model", path: Path, test: Images) -> None:  # noqa: F821  (imported with TensorFlow alone)
    """Write the model, with the names of its classes as a JSON list in the file's property "classes"."""
    import onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):  # about NumPy's old names, from Keras
        model.export(path, format="onnx", verbose=False)
    written = onnx.load(path)
    for tensor in (*written.graph.input, *written.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"  # instead of "unk__20"
    onnx.helper.set_model_props(written, {"classes": json.dumps(test.classes.tolist(), ensure_ascii=False)})
    onnx.save(written, path)


def check_onnx(path: Path, expected: np.ndarray, test: Images) -> tuple[float, int]:
    """Compare the file's probabilities with the model's on all test images.

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
    (pixels,) = session.get_inputs()
    batches = (test.images[start : start + BATCH] for start in range(0, len(test.images), BATCH))
    probabilities = np.concatenate([session.run(None, {pixels.name: images})[0] for images in batches])
    difference = float(np.abs(probabilities - expected).max())
    others = int(np.sum(probabilities.argmax(axis=-1) != expected.argmax(axis=-1)))
    if not difference <= TOLERANCE:  # NaN fails too
        raise ProjectError(
            f"{path.name}: probabilities must be within {TOLERANCE:.0e} of the model's, got {difference:.2g}; "
            f"{others} of {len(expected)} test images get another class, so the file is not kept"
        )
    return difference, others


def main() -> None:
    """models/best-model.keras, test images -> models/model.onnx."""
    parser = argparse.ArgumentParser(prog="python -m tools.export", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", type=Path, default=Path("models/best-model.keras"), help="another saved model")
    parser.add_argument("--output", type=Path, default=Path("models/model.onnx"), help="another file")
    options = parser.parse_args()
    if missing := [name for name in PACKAGES if not importlib.util.find_spec(name)]:
        raise UserError(f"{', '.join(missing)} not installed; to install and export: make export")
    warn_if_edited()
    test = load_images(PREPARED, "test")

    from stages.evaluation.saved_models import load_model, predict

    model = load_model(options.model, test)
    with outputs() as begin:
        path = begin(options.output)
        write_onnx(model, path, test)
        difference, others = check_onnx(path, predict(model, test.images), test)
    print(
        f"{options.output}: on {len(test.labels):,} test images, probabilities are within {difference:.1g} of the "
        f"model's (limit {TOLERANCE:.0e}), and {others} get another class"
    )


if __name__ == "__main__":
    run(main)
