#!/bin/sh
# Compare last release, git and database. Agreement closes the issue that told of drift. Drift opens or updates that
# issue and exits 0; without a token for it, drift fails the job with exit code 2. Any other fault exits 1.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

need RATECARD_DATABASE_URL "the database to compare with git; reading is enough"

folder=ratecard-drift
mkdir -p "$folder"
code=0
ratecard drift --config "$RATECARD_CONFIG" >"$folder/drift.txt" || code=$?
cat "$folder/drift.txt"
case $code in
0)
    output edited false
    [ -z "${RATECARD_FORGE_TOKEN:-}" ] || exec python3 "$(dirname "$0")/post.py" close-issue
    ;;
2)
    if grep -q '^edited in the database' "$folder/drift.txt"; then output edited true; else output edited false; fi
    {
        printf '<!-- ratecard-drift -->\n'
        printf 'Git and the database do not agree at commit %s:\n\n' "$(git rev-parse --short=12 HEAD)"
        sed 's/^/    /' "$folder/drift.txt"
        # shellcheck disable=SC2016 # the backquotes are Markdown
        printf '\n%s\n' \
            'What was edited in the database: `ratecard drift --propose` brings it into git; an apply with `--force`' \
            'overwrites it. What is not applied yet: run the apply again. This issue is closed when they agree.'
    } >"$folder/drift.md"
    summary "$folder/drift.md"
    [ -n "${RATECARD_FORGE_TOKEN:-}" ] || exit 2
    exec python3 "$(dirname "$0")/post.py" issue --title "Drift: git and the database do not agree" "$folder/drift.md"
    ;;
*) fail "git and the database could not be compared" ;;
esac
