#!/bin/sh
# A day of rag-platform: four plans, what each does when its tokens are used up, alerts, and the bill.
# shellcheck source=../scratch.sh
. "$(dirname "$0")/../scratch.sh"

step "Plans from git"
run ratecard validate
run ratecard apply --yes --label opening

step "A customer who pays"
run ratecard account create bakery --name "The Bakery"
run ratecard subscription start bakery pro

step "More customers, and the questions of all"
run python "$example/questions.py"

step "The sixth document of a free account"
refused ratecard check student --limit documents --current 5

step "Who has reached 80, 95 and 100 %"
run ratecard alerts list

step "The bill of the day"
run ratecard usage --by account,plan
