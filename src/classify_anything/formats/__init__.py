"""Datasets in and out: folders, zips, lists, videos; and files of other programs."""

from classify_anything.formats.datasets import read_dataset
from classify_anything.formats.exports import (
    new_file,
    new_folder,
    write_folder,
    write_tfjs_knn,
    write_zip,
)
from classify_anything.formats.items import Dataset, Item, problem
from classify_anything.formats.video import Frames

__all__ = [
    "Dataset",
    "Frames",
    "Item",
    "new_file",
    "new_folder",
    "problem",
    "read_dataset",
    "write_folder",
    "write_tfjs_knn",
    "write_zip",
]
