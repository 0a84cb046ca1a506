"""Molecules: parsing, notations, properties, oracles, paths, searches, metrics, pictures and ``vaemol``."""
