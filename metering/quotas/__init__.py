"""Quotas and rates: what a plan lets an account use, checked before a call, counted after it, and told when it ends.

`limits` draws the boundaries, `admission` says whether a call may be made (both pure); `checking` asks them for an
account, `alerts` stores what was reached and `delivery` tells it to a webhook. `service.Quotas` is the public face.
"""
