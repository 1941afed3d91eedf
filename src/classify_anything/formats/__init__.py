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
from classify_anything.formats.knowledge_file import Learnt, write_knowledge
from classify_anything.formats.probe import probe_picture
from classify_anything.formats.video import Frames
from classify_anything.formats.web_page import STATIC, page_bytes, write_web

__all__ = [
    "STATIC",
    "Dataset",
    "Frames",
    "Item",
    "Learnt",
    "new_file",
    "new_folder",
    "page_bytes",
    "probe_picture",
    "problem",
    "read_dataset",
    "write_folder",
    "write_knowledge",
    "write_tfjs_knn",
    "write_web",
    "write_zip",
]
