"""Check the parameters, get the raw files that the next `dvc repro` needs, mend DVC's: the beginning of `make`.

By itself: `python -m stages.commands.fetch`, before a journey without a network. Exit codes: 2 wrong parameters,
3 the data cannot be reached.
"""

from stages import check
from stages.base.params import read_params
from stages.base.process import run
from stages.commands.mend import mend
from stages.data.raw_files import fetch, on_this_machine, read_registry


def dvc_has_the_prepared_data() -> bool:
    """Whether `dvc repro` would find what `prepare` makes in the workspace or its cache, and need no raw files."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    try:
        with Repo() as repo, repo.lock:
            stage = repo.stage.load_one(name="prepare")
            if stage.changed():
                stage.save_deps()  # in memory: the run cache is asked by what is there now
                for out in stage.outs:  # and not for what was recorded of other inputs
                    out.hash_info = HashInfo()
                repo.stage_cache.restore(stage, dry=True)
            return True
    except DvcException:  # it is in no cache; or another dvc runs, and what it will leave is not known
        return False


def main() -> None:
    """params.yaml, data/fashion_mnist.yaml -> data/raw/."""
    mend()
    check.main()
    if read_params().dataset == "fashion_mnist":
        registry = read_registry()
        if not on_this_machine(registry) and not dvc_has_the_prepared_data():
            fetch(registry)


if __name__ == "__main__":
    run(main)
