"""How edits become commits: forms, the draft, their money impact, conflicts, and merging."""
