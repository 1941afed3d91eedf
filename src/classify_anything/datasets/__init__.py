"""Read and write labelled images: folders, zips, lists, videos and cameras."""
