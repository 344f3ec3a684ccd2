"""Read files from the last commit."""

import subprocess


def committed(path: str) -> bytes | None:
    """Return the contents of a file in the last commit, or None if the commit has no such file."""
    try:
        shown = subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, check=False)
    except FileNotFoundError:  # Git is not installed
        return None
    return None if shown.returncode else shown.stdout
