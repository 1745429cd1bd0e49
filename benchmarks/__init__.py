"""What the README's figures are measured with: `make bench` runs every module here in one run.

Figures are medians of several rounds; machines differ and are noisy, so compare ratios within one run only.
"""
