"""Corrections: what an event is charged changes afterwards, and the credit that it burned finds its way back."""
