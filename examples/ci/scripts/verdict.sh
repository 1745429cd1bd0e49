#!/bin/sh
# The last step of planning: fail when an apply would refuse what plan.sh planned.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

if [ -f ratecard-plan/refused.txt ]; then
    cat ratecard-plan/refused.txt >&2
    fail "an apply would refuse this; change it, or add an approval to ratecard.yaml"
fi
