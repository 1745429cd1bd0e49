"""Wallets: the credit of an account as grants, how charges meet it, and the ledger that tells of each change."""
