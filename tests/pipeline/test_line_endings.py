"""A clone has the committed bytes, on whatever system: dvc.lock holds their checksums."""

import subprocess
from pathlib import Path

from tests.support.clone import Clone


def test_a_clone_has_the_committed_bytes_where_git_would_turn_line_endings(tmp_path: Path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    committed = Clone(ours).run("git", "ls-files", "-z").stdout.rstrip("\0").split("\0")
    subprocess.run(["git", "clone", "--quiet", "--config", "core.autocrlf=true", ours, theirs], check=True)
    changed = [name for name in committed if (theirs / name).read_bytes() != (ours / name).read_bytes()]
    assert changed == []
    for name in committed:
        (theirs / name).touch()  # or Git would go by the times
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=theirs, text=True) == ""
