"""The prepared images so many times over, for the growth: python -m benchmarks.repeat 8 data/repeated."""

import argparse
from pathlib import Path

import numpy as np

from stages.data.images import Images, load_images, save_images


def main() -> None:
    """data/prepared/{train,val}.npz -> the same files in another folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=int)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    for name in ("train.npz", "val.npz"):
        images, labels, classes = load_images(Path("data/prepared") / name)
        repeated = Images(np.tile(images, (arguments.times, 1, 1)), np.tile(labels, arguments.times), classes)
        save_images(arguments.folder / name, repeated)


if __name__ == "__main__":
    main()
