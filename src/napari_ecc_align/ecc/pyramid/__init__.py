"""The fast estimator: inverse-compositional ECC on moments, coarse to fine."""
