"""The record of each pair, and what the records of a folder say together."""
