"""Price feeds: list prices that others publish, beside our own.

`listing` says what a feed is; `genai_prices` and `litellm` read theirs, `opening` finds out which one a file is.
`comparing` holds list prices against our entries, `importing` turns what differs into edits. Nothing here calls out
over a network. `snapshot` is the list that comes with the package.
"""
