#!/bin/sh
# A day of tool-runner: run units of tool calls, quotas of three organisations, and the bill.
# shellcheck source=../scratch.sh
. "$(dirname "$0")/../scratch.sh"

step "Tiers, overheads and quotas from git"
run ratecard validate
run ratecard apply --yes --label opening

step "An organisation on Team; one whose plan nobody knows is on Free"
run ratecard account create forge --name "The Forge"
run ratecard subscription start forge team

step "Tool calls"
run python "$example/runs.py"

step "Free is used up"
refused ratecard check garage

step "The bill of the day"
run ratecard usage --by account,tool,tier
