"""The Revenue page: what recurs and how it moved, and the credit that was sold."""
