"""From git to the database, and from a form to git.

Rooms: `repository` (git blobs), `checks`, `desired` and `current` (what git and the database say, row by row), `plan`,
`guardrails`, `apply`, `drift`, `edit` (the text of a document), `propose`, `proposals`, `command` (a module a command).
"""
