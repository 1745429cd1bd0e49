#!/bin/sh
# Plan a pull request as it would be merged, against the database or, where there is none, the exported snapshot.
# Only git's objects of the pull request are read: nothing of it is run or checked out.
# Writes to ratecard-plan/: plan.json (all of it), plan.md (for the comment), plan.txt, and refused.txt when an apply
# would refuse. The job's verdict comes last, in verdict.sh, so that the comment is there when it fails.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

folder=ratecard-plan
rm -rf "$folder"
mkdir "$folder"
head=$(git rev-parse --verify --quiet "${RATECARD_HEAD:-HEAD}^{commit}") ||
    fail "RATECARD_HEAD names no commit that is here: ${RATECARD_HEAD:-HEAD}"

# What is planned is the merge: a branch behind its base would seem to take back what the base has got since.
fetch_branch "$RATECARD_BASE" || fail "RATECARD_BASE must name the base branch: the remote has no $RATECARD_BASE"
base=$(git rev-parse "refs/remotes/ratecard-ci/$RATECARD_BASE")
if git merge-base --is-ancestor "$base" "$head"; then
    commit=$head
else
    tree=$(git merge-tree --write-tree "$base" "$head" 2>/dev/null) ||
        fail "this conflicts with $RATECARD_BASE, or the clone is shallow (fetch the whole history); merge it first"
    commit=$(as_robot git commit-tree "$tree" -p "$base" -p "$head" -m "Merge into $RATECARD_BASE")
fi

if [ -n "${RATECARD_DATABASE_URL:-}" ]; then
    [ -z "${RATECARD_IMPACT_DAYS:-}" ] || set -- --impact-days "$RATECARD_IMPACT_DAYS"
elif fetch_branch "$RATECARD_SNAPSHOT_BRANCH"; then
    snapshot=$(git rev-parse --git-dir)/ratecard-snapshot.json
    git show "refs/remotes/ratecard-ci/$RATECARD_SNAPSHOT_BRANCH:$RATECARD_SNAPSHOT_FILE" >"$snapshot"
    set -- --snapshot "$snapshot"
elif [ "${RATECARD_FORK:-}" = true ]; then
    say "not planned: no snapshot for forks is published on a branch $RATECARD_SNAPSHOT_BRANCH"
    exit 0
else
    fail "RATECARD_DATABASE_URL is not set: the database to plan against; reading is enough"
fi
set -- --ref "$commit" --config "$RATECARD_CONFIG" "$@"

code=0
ratecard plan "$@" --detailed-exitcode --format json >"$folder/plan.json" || code=$?
case $code in
0) output changed false ;;
2) output changed true && touch "$folder/changed" ;;
*) fail "no plan could be made" ;;
esac
ratecard plan "$@" --format markdown >"$folder/plan.md"
ratecard plan "$@" | tee "$folder/plan.txt"
python3 "$(dirname "$0")/refused.py" "$folder/plan.json" >"$folder/refused.txt"
[ -s "$folder/refused.txt" ] || rm "$folder/refused.txt"
summary "$folder/plan.md"
