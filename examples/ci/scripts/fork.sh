#!/bin/sh
# Fetch the commit of a fork's pull request as git objects, for plan.sh. Nothing of it is run or checked out.
# Trusts only what the forge says of the run that ended: owner, branch and commit; hands on `request` and `head`.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

need FORK_OWNER "the owner of the fork"
need FORK_BRANCH "the fork's branch"
need FORK_COMMIT "the commit that the run was for"

request=$(python3 "$(dirname "$0")/post.py" find-request "$FORK_OWNER" "$FORK_BRANCH" "$FORK_COMMIT")
if [ -z "$request" ]; then
    say "no open pull request stands at $FORK_COMMIT any more; nothing to plan"
    exit 0
fi
git fetch --quiet --no-tags "$RATECARD_REMOTE" "+refs/pull/$request/head:refs/remotes/ratecard-ci/pull"
if [ "$(git rev-parse refs/remotes/ratecard-ci/pull)" != "$FORK_COMMIT" ]; then
    say "pull request $request has moved on from $FORK_COMMIT; its newer run will plan it"
    exit 0
fi
output request "$request"
