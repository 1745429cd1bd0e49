#!/bin/sh
# A day of chat-credits: credit for the beta users, messages, a switch from refusing to observing, a refund, the bill.
# shellcheck source=../scratch.sh
. "$(dirname "$0")/../scratch.sh"

step "Multipliers from git, as of 2026-02-20"
run ratecard validate
run ratecard apply --yes --label 2026-02-20

step "A beta user gets 50 credits, once; somebody who comes later buys 100"
run ratecard account create beta-1
run ratecard grant cohort --credits 50 --key beta --reason "Thanks for testing"
run ratecard grant buy late-1 Hundred --key payment-1

step "Messages; without credit a call is refused"
run python "$example/chat.py" day

step "Enforcement off: one commit, and running processes follow"
run ratecard propose --set "setting enforcement=observe" --title "Observe only"
run git merge --quiet ratecard/observe-only
run ratecard apply --yes --label observe
run python "$example/chat.py" evening

step "A refund"
run ratecard grant refund beta-1 --event msg-02 --key complaint-1 --reason "The answer was empty"
run ratecard wallet transactions beta-1

step "The bill of the day"
run ratecard usage --by account,model
