"""Accounts as people look after them: found, listed, suspended and banned; their members, keys and activity."""
