"""The runtime: what a call costs, what it is charged at, and who pays.

The public face is `meter.Meter` with `usage.Usage`. Behind it, from the pure core outwards:

- the configuration in memory: `ratebook` (with `entities`, `price`, `credit_burn`, `routing`, `settings`);
- what a call is worth: `rating` (units and a price), `appraisal` (a call and the book);
- the money: `wallet` (pure), `ledger`, `grants`, `accounts`, `subscriptions`;
- who pays: `subscribing` (with `subscription_terms`), `account_status`, `account_list`, `members` and `keys`, together
  `customers`, audited by `audit`; and what time alone changes: `renewal` (with `periods`, `included`, `due`);
- events: `usage` (read), `recording` (the transaction), `receipts`, `storage` (the statements of the hot path);
- what providers return: `adapters` (their usage objects as units);
- questions and files: `analytics` (the only queries over events), `importing`;
- over HTTP: `api` (with `activity` and `price_list`), and `client`, which is one file and needs none of the others.
"""
