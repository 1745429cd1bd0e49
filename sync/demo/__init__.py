"""The demo: real traces, spread by a fixed rule over 90 days and the customers of a small product.

`traces` reads what the package carries, `rhythm` says when calls happen, `customers` who makes them and what they
bought, `calls` for what and by which model, `story` writes it all to a database. `docs/demo.md` states the rule.
"""
