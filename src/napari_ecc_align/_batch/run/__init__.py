"""Doing a plan: each pair aligned, resampled, measured and written, all or nothing."""
