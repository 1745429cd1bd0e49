"""What the YAML may say and how it is stored.

Rooms: `documents` (a module a kind of YAML file), `places` (text to values that know their place), `catalogue` (the
whole tree of documents as one object), `money` (exact integers), `units`, `keys`, `findings` and `errors`, `tables` and
`migrations` (the database), `database` (engines, transactions, versions), `json_schemas` and `field_tables` (what
editors and readers see of the documents; the files are in `json`).
"""
