"""What `import stages` finds where a file is run as such (python stages/train.py): Python looks beside the file first.

The other folders with files to run have links to this one.
"""

import sys
from pathlib import Path

if __name__ != "__main__":
    run = Path(sys.argv[0]).resolve()
    root = next(folder for folder in run.parents if (folder / "params.yaml").exists())
    module = ".".join(run.relative_to(root).with_suffix("").parts)
    print(f"from the root of the project, as a module: python -m {module}", file=sys.stderr)
    sys.exit(2)
