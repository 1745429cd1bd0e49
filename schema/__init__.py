"""What the YAML may say and how it is stored.

Rooms: `documents` (a module a kind of YAML file), `loader` (text to values that know their place), `catalogue`
(all documents as one object), `money` (exact integers), `units`, `keys`, `tables` and `migrations` (the database),
`database` (engines and versions), `json` (JSON Schemas for editors).
"""
