"""Read and write labelled images: folders and zips (files.py), videos (video.py), cameras."""
