"""Sentences: the ``everyday`` grammar, paths, gaps, metrics and the command ``vaetext``."""
