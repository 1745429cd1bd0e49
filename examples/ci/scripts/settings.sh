# Read by the other scripts: what they share. Settings are environment variables; README.md lists them.
# shellcheck shell=sh
set -eu

RATECARD_CONFIG="${RATECARD_CONFIG:-config}"
RATECARD_REMOTE="${RATECARD_REMOTE:-origin}"
RATECARD_BASE="${RATECARD_BASE:-main}"
RATECARD_SNAPSHOT_BRANCH="${RATECARD_SNAPSHOT_BRANCH:-ratecard-snapshot}"
# shellcheck disable=SC2034 # the scripts that read this file use it
RATECARD_SNAPSHOT_FILE=snapshot.json

say() {
    printf 'ratecard-ci: %s\n' "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

# need VARIABLE WHAT-IT-IS: one message, and the end, when a setting is missing.
need() {
    eval "setting=\${$1:-}"
    [ -n "$setting" ] || fail "$1 is not set: $2"
}

# as_robot COMMAND…: run it as the author of what no person writes.
as_robot() {
    robot="Ratecard CI for ${GITHUB_ACTOR:-${GITLAB_USER_LOGIN:-nobody}}"
    GIT_AUTHOR_NAME="$robot" GIT_AUTHOR_EMAIL=ratecard-ci@localhost \
        GIT_COMMITTER_NAME="$robot" GIT_COMMITTER_EMAIL=ratecard-ci@localhost "$@"
}

# fetch_branch NAME: refs/remotes/ratecard-ci/NAME becomes the remote's branch; 1 when the remote has none of the name.
fetch_branch() {
    tip=$(git ls-remote "$RATECARD_REMOTE" "refs/heads/$1") || fail "the remote does not answer (RATECARD_REMOTE)"
    [ -n "$tip" ] || return 1
    git fetch --quiet --no-tags "$RATECARD_REMOTE" "+refs/heads/$1:refs/remotes/ratecard-ci/$1" ||
        fail "the branch $1 cannot be fetched"
}

# summary FILE: show Markdown on the page of the run, where the forge has one.
summary() {
    [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$1" >>"$GITHUB_STEP_SUMMARY"
}

# output NAME VALUE: hand a value to later steps, where the forge has steps.
output() {
    [ -z "${GITHUB_OUTPUT:-}" ] || printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}
