"""The estimator of a smooth field, which bends no more than the images say."""
