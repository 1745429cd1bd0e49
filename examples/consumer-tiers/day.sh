#!/bin/sh
# A day of consumer-tiers: models, images and features on three tiers, a reconciliation, and the bill in two currencies.
# shellcheck source=../scratch.sh
. "$(dirname "$0")/../scratch.sh"

step "Models, features and the rate of the rand from git"
run ratecard validate
run ratecard apply --yes --label opening

step "A customer on Jive"
run ratecard account create dancer
run ratecard subscription start dancer jive

step "One on Jigga, one on Free, and the calls of all"
run python "$example/calls.py" cerebras.csv

step "Hourly: what the provider counted, against what is recorded"
refused ratecard reconcile cerebras.csv

step "The bill of the day, in USD and in rand"
run ratecard usage --by account,feature
