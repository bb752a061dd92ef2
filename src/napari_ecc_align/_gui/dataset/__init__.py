"""The form that aligns folders of pairs, with a table and a review."""
