#!/bin/sh
# Check the YAML of the work tree. Findings appear beside the lines: annotations on GitHub, a code quality report on
# GitLab.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

if [ -n "${GITHUB_ACTIONS:-}" ]; then
    exec ratecard validate --config "$RATECARD_CONFIG" --format github
fi
if [ -n "${GITLAB_CI:-}" ]; then
    mkdir -p ratecard-validate
    # A folder that cannot be read at all has no JSON; the plain check below says so.
    ratecard validate --config "$RATECARD_CONFIG" --format json >ratecard-validate/findings.json 2>/dev/null || true
    [ ! -s ratecard-validate/findings.json ] ||
        python3 "$(dirname "$0")/code_quality.py" <ratecard-validate/findings.json >gl-code-quality-report.json
fi
exec ratecard validate --config "$RATECARD_CONFIG"
