"""Export models/best-model.keras to ONNX, and check the file on all test images in ONNX Runtime."""

import argparse
import json
import logging
import warnings
from pathlib import Path

import numpy as np

from stages.base.errors import ProjectError, UserError
from stages.base.inputs import warn_if_edited
from stages.base.process import outputs, run
from stages.data.images import PREPARED, load_images

MODEL, ONNX = Path("models/best-model.keras"), Path("models/model.onnx")
TOLERANCE = 1e-5  # of a probability: float32 sums in another order differ by about 1e-6


def probabilities_in_runtime(path: Path, images: np.ndarray) -> np.ndarray:
    """Return the probabilities of an ONNX file, float32 [n, classes], for raw images, uint8 [n, height, width]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (pixels,) = session.get_inputs()
    batches = (images[start : start + 1024] for start in range(0, len(images), 1024))
    return np.concatenate([session.run(None, {pixels.name: batch})[0] for batch in batches])


def main() -> None:
    """models/best-model.keras, test images -> models/model.onnx."""
    argparse.ArgumentParser(prog="python -m tools.export", description=__doc__).parse_args()
    try:
        import onnx
    except ImportError as error:
        raise UserError(f"{error.name} is not installed; to install the packages and export: make export") from None
    warn_if_edited()
    test = load_images(PREPARED, "test")

    from stages.evaluation.saved_models import load_model, predict

    model = load_model(MODEL, test)
    expected = predict(model, test.images)  # [n, classes]
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with outputs() as begin:
        path = begin(ONNX)
        with warnings.catch_warnings(action="ignore"):  # Keras uses a name that NumPy has deprecated
            model.export(path, format="onnx", verbose=False)
        written = onnx.load(path)
        onnx.helper.set_model_props(written, {"classes": json.dumps(test.classes.tolist(), ensure_ascii=False)})
        onnx.save(written, path)
        difference = float(np.abs(probabilities_in_runtime(path, test.images) - expected).max())
        if not difference <= TOLERANCE:  # NaN fails too
            raise ProjectError(
                f"{ONNX}: probabilities must be within {TOLERANCE:.0e} of the model's, got {difference:.2g}; "
                "the file is not kept"
            )
    print(f"{ONNX}: on {len(expected):,} test images, probabilities are within {difference:.1g} of the model's")


if __name__ == "__main__":
    run(main)
