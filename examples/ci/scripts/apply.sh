#!/bin/sh
# Apply HEAD to the database: plan, show the plan, apply exactly that plan.
# When the database moves between the two, the plan is refused and made anew. Safe to run again: without a change
# nothing is written. An older commit than the last release is refused.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

need RATECARD_DATABASE_URL "the database to apply to, such as postgresql://…, from the environment's secrets"

# A tag at the commit names the release; else RATECARD_LABEL does.
if [ -n "${RATECARD_LABEL:-}" ] && [ -z "$(git tag --points-at HEAD)" ]; then
    set -- --label "$RATECARD_LABEL"
fi

folder=ratecard-apply
mkdir -p "$folder"
refused=
while true; do
    ratecard plan --config "$RATECARD_CONFIG" --format markdown --out "$folder/plan.json" >"$folder/plan.md"
    planned=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["plan"]["fingerprint"])' <"$folder/plan.json")
    [ "$planned" != "$refused" ] || fail "nothing was applied"
    if as_robot ratecard apply --config "$RATECARD_CONFIG" --plan "$folder/plan.json" --yes "$@"; then
        break
    fi
    refused=$planned
done
summary "$folder/plan.md"
