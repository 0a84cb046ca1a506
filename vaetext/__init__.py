"""Sentences: corpora, paths, samples and metrics."""
