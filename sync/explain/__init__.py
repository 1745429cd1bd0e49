"""Why a call was charged what it was: from the event down to file, line, commit and author.

`recorded` reads what the database kept, `working` does the sum again in steps, `origin` finds in git who wrote what the
steps took, `explanation` puts the three together. `explain` is the public face.
"""

from sync.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
