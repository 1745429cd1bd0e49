"""From git to the database, and from a form to git.

Rooms: `repository` (git blobs), `checks`, `target` (a valid commit), `desired` and `current` (what git and the database
say, row by row), `presenting` (rows for people), `plan`, `planning` (a plan or drift of a database in any state),
`apply`, `bulk`, `drift`, `render`, `edit` (the text of a document), `propose`, `proposals`, `command` (a module a
command).
"""
