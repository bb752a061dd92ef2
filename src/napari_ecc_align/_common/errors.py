"""The error for input that cannot be used."""


class InputError(ValueError):
    """Input that cannot be used; the message says which argument or file, and what to do.

    Examples
    --------
    >>> from napari_ecc_align import InputError, Transform
    >>> try:
    ...     Transform("scan.tfm")
    ... except InputError as error:
    ...     print(error)
    matrix must be numbers of shape (3, 3) or (2, 3)
    """
