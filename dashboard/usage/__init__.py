"""The Usage and Profit pages."""
