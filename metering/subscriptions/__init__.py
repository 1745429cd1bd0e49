"""Subscriptions: which plan an account is on, since when and at what fee, and what time alone changes about it."""
