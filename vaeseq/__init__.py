"""Sequence variational autoencoders: what molecules and sentences share."""
