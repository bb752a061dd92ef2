"""The estimators: planes in, a matrix out; numpy and OpenCV alone."""
