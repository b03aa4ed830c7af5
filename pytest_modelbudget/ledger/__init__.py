"""The ledger: a file beside each budget file with the figures that the team has accepted."""
