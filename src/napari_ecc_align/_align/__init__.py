"""Aligning a pair of images or a stack: from the arguments to the results."""
