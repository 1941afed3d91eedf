"""Measure accuracy honestly, and say what would improve it."""
