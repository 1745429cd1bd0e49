# Read by the day.sh of each example: a scratch folder with the example's configuration under git, and a new database.
#
#   day.sh [FOLDER [DATABASE_URL]]
#
# FOLDER must be empty or new (default: a temporary one); the database is SQLite in it when no other is named. The
# variables of the environment that Ratecard reads are not looked at: no database of yours is touched by accident.
# shellcheck shell=sh
set -eu

example=$(cd "$(dirname "$0")" && pwd)
scratch=${1:-$(mktemp -d)}
mkdir -p "$scratch"
if [ -n "$(ls -A "$scratch")" ]; then
  echo "$scratch is not empty; name a new folder" >&2
  exit 1
fi
cp -R "$example/config" "$scratch/config"
cd "$scratch"
unset RATECARD_ADMINS
export RATECARD_DATABASE_URL="${2:-sqlite:///$scratch/ratecard.db}"

git init --quiet --initial-branch=main
git config user.name "Price Desk"
git config user.email prices@example.com
git add --all
git commit --quiet --message="Begin"

step() {
  printf '\n# %s\n' "$*"
}

show() {
  printf '$'
  for word in "$@"; do
    case $word in
      *[!A-Za-z0-9_./=,:@+-]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
}

# A command that must succeed.
run() {
  show "$@"
  "$@"
}

# A command that must refuse: what it says is shown.
refused() {
  show "$@"
  if "$@" 2>&1; then
    echo "this should have been refused" >&2
    exit 1
  fi
}
