"""Holds: credit set aside before a call, for the most that it may come to, and settled with what it came to.

`estimate` says what that is, `placing` keeps holds in the database, `holding` is what callers use.
"""
