"""Check params.yaml before DVC deletes the outputs of any other stage.

The output is the schema of the parameters, not their values: a changed value runs this stage and invalidates
nothing after it.
"""

import os
from pathlib import Path

from stages.base.files import save_json
from stages.base.git import NAME_YOURSELF, identity
from stages.base.inputs import Inputs
from stages.base.params import Params
from stages.base.process import outputs, run
from stages.data.image_folder import check_folder, check_test_size

# In the folder that image_dir names where nobody has set it: so that the folder, on which `prepare` depends with every
# data set, is there whatever somebody deletes.
KEEP = Path("data/examples/.keep")


def main() -> None:
    """params.yaml -> data/params.schema.json, or refused."""
    inputs = Inputs("check")
    params = inputs.params
    if params.dataset == "images":
        check_folder(Path(params.image_dir))
        check_test_size(Path(params.image_dir), params.test_size)
    with outputs(inputs.stop_if_changed) as begin:
        save_json(begin(Path("data/params.schema.json")), Params.model_json_schema())
        begin(KEEP).write_text("prepare depends on this folder, whatever the data set.\n", encoding="utf-8")
    if "DVC_STAGE" in os.environ and identity():  # who runs dvc will run an experiment too
        print(NAME_YOURSELF)


if __name__ == "__main__":
    run(main)
