"""Images as they come: their pixels, files and samples, their pyramids, and warping."""
