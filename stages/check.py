"""Check params.yaml before DVC deletes the outputs of any other stage.

The output is the schema of the parameters, not their values: a changed value runs this stage and invalidates
nothing after it.
"""

from pathlib import Path

from stages.core.artifacts import outputs, save_json
from stages.core.errors import run
from stages.core.image_folder import check_folder
from stages.core.inputs import Inputs
from stages.core.params import Params


def main() -> None:
    """params.yaml -> data/params.schema.json, or refused."""
    inputs = Inputs("check")
    params = inputs.params
    if params.dataset == "images":
        check_folder(Path(params.image_dir))
    with outputs(inputs.stop_if_changed) as begin:
        save_json(begin(Path("data/params.schema.json")), Params.model_json_schema())


if __name__ == "__main__":
    run(main)
