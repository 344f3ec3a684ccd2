"""Check params.yaml before DVC deletes the outputs of any other stage.

The output is the schema of the parameters, not their values: a changed value runs this stage and invalidates
nothing after it.
"""

from pathlib import Path

from stages.base.files import save_json
from stages.base.inputs import Inputs
from stages.base.params import Params
from stages.base.process import outputs, run
from stages.data.image_folder import check_folder


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
