"""Molecules: parsing, notations, properties, oracles, proposals and pictures."""
