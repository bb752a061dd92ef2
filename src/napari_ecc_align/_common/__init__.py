"""What every room uses: errors, OpenCV, atomic files, and a few small functions."""
