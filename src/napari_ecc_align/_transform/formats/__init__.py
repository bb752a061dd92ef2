"""Formats of transform files: bytes to matrices and back.

=============  ==================================  ==========================  ============
suffix         format                              direction                   axis order
=============  ==================================  ==========================  ============
``.json``      ours, with a version                reference to moving         (x, y)
``.ome.json``  OME-NGFF coordinate transformation  named in the file; written  named in the
               (0.6)                               as reference to moving      file: (y, x)
``.tfm``       ITK text transform                  fixed to moving             (x, y)
``.csv``       3x3 numbers under a header; of a    reference to moving         (x, y)
               stack nine numbers a line
``.npy``       float64 array of shape (3, 3); of   reference to moving         (x, y)
               a stack (n, 3, 3)
``.txt``       napari affine, as affinder saves    moving to reference         (row, column)
=============  ==================================  ==========================  ============

All count in pixels with pixel centres at integers. Whatever the direction on disk, the matrices
that are read map reference to moving in (x, y). The formats know of matrices alone, not of the
`Transform` that loads and saves itself through them. A new one is a module with ``parse`` and
``dump``, and a line in the table of `registry`.
"""
