"""The runtime: what a call costs, what it is charged at, and who pays.

Rooms: `ratebook` (the current config in memory), `rating` (pure), `usage` (events), `meter` (the public face), `ledger`
and `grants` (the money), `subscriptions`, `analytics` (queries), `importing` (files of events).
"""
