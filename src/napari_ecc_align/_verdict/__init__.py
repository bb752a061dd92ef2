"""Whether an alignment is to be trusted: evidence in, a verdict and its reason out."""
