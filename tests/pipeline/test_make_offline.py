"""`make` where there is no network at all: start, end, and the way back."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from stages.base.environment import environment
from stages.training.store import STORE
from tests.support.clone import Clone, outputs

# A namespace in which not even a local address is up, and where nobody has told Git who works here.
NO_NETWORK = [
    "unshare", "--map-root-user", "--net", "--mount", "sh", "-c",
    '[ ! -e /etc/gitconfig ] || mount --bind /dev/null /etc/gitconfig && exec "$@"', "sh",
]  # fmt: skip


def namespace_works() -> bool:
    return (
        bool(shutil.which("unshare"))
        and subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not namespace_works(), reason="no network namespace on this system")
def test_make_runs_on_the_digits_says_so_and_comes_back(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("FASHION_MNIST_DIR")
    clone = Clone(tmp_path)
    clone.lend_environment()
    home = tmp_path.with_name("home")
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for key in ("user.name", "user.email"):
        clone.run("git", "config", "--unset", key)

    made = clone.run(*NO_NETWORK, "make")
    assert "Fashion-MNIST cannot be reached: running scikit-learn's embedded digits INSTEAD" in made.stdout
    assert "\ntrain-images-idx3-ubyte.gz: not to be had (data/raw/" in made.stderr
    assert "Traceback" not in made.stderr
    data = json.loads((tmp_path / "metrics/data.json").read_text())
    assert data["dataset"] == "digits"
    assert "These are results on digits, the committed ones are on fashion_mnist. To get back" in made.stdout
    diff = clone.run("git", "diff", "--unified=0", "--", "params.yaml").stdout
    assert [line for line in diff.splitlines() if line[0] in "+-"][2:] == [
        "-dataset: fashion_mnist",
        "+dataset: digits",
    ]
    recorded = json.loads(clone.dvc("params", "diff", "--json").stdout)["params.yaml"]["dataset"]
    assert recorded == {"old": "fashion_mnist", "new": "digits"}

    assert 'git config --global user.name "Your Name"' in made.stdout
    assert not (home / ".gitconfig").exists()
    authors = clone.run("git", "for-each-ref", "--format=%(authorname)", "refs/exps").stdout.split()
    assert "nobody" in authors

    # still without a network: what is committed comes back, nothing of the digits stays, and that is not all
    back = clone.run(*NO_NETWORK, "make", "back", check=False)
    assert back.returncode == 2  # GNU make's own code for any failure; the command's was 3
    assert "not back: data/prepared/inputs.json and " in back.stderr
    assert " more outputs, in no cache here; with the data, make: train-images-idx3-ubyte.gz" in back.stderr
    assert "back] Error 3" in back.stderr
    assert "The committed parameters, metrics, tables and the README's pictures are back." in back.stdout
    assert clone.git_status() == ""
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [STORE.name, ".gitignore"]
    assert [path.name for path in (tmp_path / "data/prepared").iterdir()] == [".gitignore"]


@pytest.mark.acceptance
@pytest.mark.skipif(not namespace_works(), reason="no network namespace on this system")
def test_dvc_alone_without_a_network_says_it_too_and_comes_back(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("FASHION_MNIST_DIR")
    clone = Clone(tmp_path)
    clone.lend_environment()
    failed = clone.run(*NO_NETWORK, "dvc", "repro", check=False)
    lines = [line for line in failed.stderr.splitlines() if line.startswith("train-images-idx3-ubyte.gz: not to be")]
    assert len(lines) == 1
    assert lines[0].endswith("to return to the committed parameters and results: make back")
    assert " D metrics/data.json\n" in clone.git_status()
    clone.run(*NO_NETWORK, "make", "back", check=False)
    assert clone.git_status() == ""


@pytest.mark.acceptance
@pytest.mark.skipif(not namespace_works(), reason="no network namespace on this system")
def test_without_a_network_make_needs_no_raw_files_for_what_is_in_the_cache(real_data, tmp_path: Path, monkeypatch):
    clone = Clone(tmp_path)
    clone.lend_environment()
    clone.run(*NO_NETWORK, "make", "back")
    if json.loads(clone.run("git", "show", "HEAD:metrics/environment.json").stdout) == environment():
        assert clone.git_status() == ""
    monkeypatch.delenv("FASHION_MNIST_DIR")
    assert "Data and pipelines are up to date." in clone.run(*NO_NETWORK, "make").stdout  # asks for no raw files
    clone.run(*NO_NETWORK, "dvc", "exp", "run", "--set-param", "dataset=digits")
    clone.run(*NO_NETWORK, "make", "back")  # nor for a result that is in DVC's cache
    assert json.loads((tmp_path / "metrics/data.json").read_text())["dataset"] == "fashion_mnist"


@pytest.mark.acceptance
@pytest.mark.skipif(not namespace_works(), reason="no network namespace on this system")
def test_make_back_deletes_nothing_where_prepare_would_run_and_its_data_are_not_there(real_data, tmp_path, monkeypatch):
    clone = Clone(tmp_path)
    clone.lend_environment()
    clone.run("make")
    monkeypatch.delenv("FASHION_MNIST_DIR")
    with (tmp_path / "data/fashion_mnist.yaml").open("a") as file:
        file.write("# mine\n")
    before = outputs(tmp_path)
    back = clone.run(*NO_NETWORK, "make", "back", check=False)
    assert "prepare would run, since what it reads changed; with the data, make: train-images" in back.stderr
    assert "data/fashion_mnist.yaml: not as committed, and left so" in back.stdout
    assert outputs(tmp_path) == before
