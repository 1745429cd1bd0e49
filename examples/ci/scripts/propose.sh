#!/bin/sh
# Bring what was edited in the database into git: one branch, pushed without force, and its pull request. While the
# branch of an earlier night is there, no other is begun.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

need RATECARD_DATABASE_URL "the database to compare with git; reading is enough"

branch=ratecard/take-over-edits-made-in-the-database
if fetch_branch "$branch"; then
    say "not proposed again: merge or delete the branch $branch first"
    exit 0
fi
as_robot ratecard drift --config "$RATECARD_CONFIG" --propose --push --base "$RATECARD_BASE" \
    --title "Take over edits made in the database"
