"""Volumes that bend: a smooth field after an affine motion, and where it is to be trusted."""
