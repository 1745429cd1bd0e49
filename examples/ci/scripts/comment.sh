#!/bin/sh
# Put the plan that plan.sh wrote into the one comment on the pull request. Without a change none is begun; one that is
# there says so from then on.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

if [ ! -f ratecard-plan/plan.md ]; then
    say "no comment: nothing was planned"
    exit 0
fi
if [ -f ratecard-plan/changed ] || [ -f ratecard-plan/refused.txt ]; then
    exec python3 "$(dirname "$0")/post.py" comment ratecard-plan/plan.md
fi
exec python3 "$(dirname "$0")/post.py" comment --only-update ratecard-plan/plan.md
