"""Whole datasets: many pairs aligned, their siblings resampled, every doubtful pair reported."""
