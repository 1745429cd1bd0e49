"""The runtime: what a call costs, what it is charged at, and who pays.

The public face is `meter.Meter` with `usage.Usage`. Behind it, from the pure core outwards:

- `book`: the configuration in memory, how a release is heard of, its copy on disk;
- `rating`: what a call is worth by the book, and where it is routed;
- `wallets`: how charges meet credit, and the ledger; `corrections`: what changes about charges afterwards;
- `accounts` and `subscriptions`: who pays, on which plan, and what time alone changes; all audited by `audit`;
- `quotas`: what plans allow; `holds`: credit set aside before a call;
- events: `usage` (read), `recording` (the transaction), `receipts`, `storage` (the statements of the hot path);
- while the database is away: `spool` keeps what happens on disk, and records it afterwards;
- what providers return: `adapters` (their usage objects as units);
- questions and files: `analytics` (the only queries over events), `importing`, `rerating`, `reconciling`;
- over HTTP: `api`, and `client`, which is one file and needs none of the others.
"""
