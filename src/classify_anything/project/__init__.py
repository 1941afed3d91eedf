"""One project in memory and on disk, kept in step: model, snapshots, import, re-embedding."""
