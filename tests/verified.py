"""Comparing an export with a project as it is now."""

from __future__ import annotations

from classify_anything import Classifier
from classify_anything.export.verify import Export, Verification, verify
from classify_anything.project.snapshot import take_snapshot


def verify_with(export: Export, clf: Classifier) -> Verification:
    with take_snapshot(clf.project) as snapshot:
        return verify(export, snapshot)
