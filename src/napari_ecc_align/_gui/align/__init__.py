"""The form that aligns two layers, or a stack."""
