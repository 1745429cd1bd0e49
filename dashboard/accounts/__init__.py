"""The Accounts page: the list, one account, and what admins do for it."""
