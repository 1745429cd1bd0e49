#!/bin/sh
# Export what plans of forks need, and append it to the snapshot branch: usage in sums, accounts numbered, no names.
# Whoever may read the repository may read that branch. No work tree or index is touched, nothing is pushed by force.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

need RATECARD_DATABASE_URL "the database to export from; reading is enough"

[ -z "${RATECARD_IMPACT_DAYS:-}" ] || set -- --impact-days "$RATECARD_IMPACT_DAYS"
exported=$(mktemp -d)
trap 'rm -rf "$exported"' EXIT
ratecard snapshot "$exported/$RATECARD_SNAPSHOT_FILE" "$@"
blob=$(git hash-object -w -- "$exported/$RATECARD_SNAPSHOT_FILE")
tree=$(printf '100644 blob %s\t%s\n' "$blob" "$RATECARD_SNAPSHOT_FILE" | git mktree)

attempt=1
while true; do
    set --
    if fetch_branch "$RATECARD_SNAPSHOT_BRANCH"; then
        tip="refs/remotes/ratecard-ci/$RATECARD_SNAPSHOT_BRANCH"
        if [ "$(git rev-parse "$tip^{tree}")" = "$tree" ]; then
            say "the snapshot on $RATECARD_SNAPSHOT_BRANCH says the same already"
            exit 0
        fi
        set -- -p "$(git rev-parse "$tip")"
    fi
    commit=$(as_robot git commit-tree "$tree" "$@" -m "Snapshot of the database after $(git rev-parse --short=12 HEAD)

[skip ci]")
    if git push --quiet "$RATECARD_REMOTE" "$commit:refs/heads/$RATECARD_SNAPSHOT_BRANCH"; then
        say "the snapshot is on $RATECARD_SNAPSHOT_BRANCH"
        exit 0
    fi
    [ "$attempt" -lt 3 ] || fail "the branch $RATECARD_SNAPSHOT_BRANCH could not be pushed: the token must be able to write"
    attempt=$((attempt + 1))
done
