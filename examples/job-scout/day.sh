#!/bin/sh
# A day of job-scout: prices from git, two members who buy credit, their calls, a new margin at noon, and the bill.
# shellcheck source=../scratch.sh
. "$(dirname "$0")/../scratch.sh"

step "What git says, checked and applied"
run ratecard validate
run ratecard apply --yes --label opening

step "Two members buy credit"
run ratecard grant buy seeker-1 Standard --key payment-1
run ratecard grant buy seeker-2 Starter --key payment-2

step "Their calls in the morning, at a margin of 1.30"
run python "$example/calls.py" morning

step "At noon a margin of 3.00 for the cheap model: one commit, merged and applied"
run ratecard propose --set "price claude/claude-3-5-haiku-20241022#margin=3.00" --title "Haiku at 3.00"
run git merge --quiet ratecard/haiku-at-3-00
run ratecard apply --yes --label noon

step "A call of the same size in the afternoon"
run python "$example/calls.py" afternoon

step "The bill of the day"
run ratecard usage --by account,model
run ratecard wallet show seeker-1
