"""Comparing pipelines on the training data."""
