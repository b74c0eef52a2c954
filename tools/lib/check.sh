# shellcheck shell=bash
# For scripts that check themselves: prints what holds and what does not.
# shellcheck disable=SC2034  # WORK is the script's.

# A folder of the script's own, until its end.
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failures=0

# check WHAT COMMAND...: the command must succeed.
check() {
  local what=$1
  shift
  if "$@" >"$WORK/output" 2>&1; then
    echo "ok      $what"
  else
    echo "FAILED  $what"
    sed 's/^/        /' "$WORK/output"
    failures=$((failures + 1))
  fi
}

not() { ! "$@"; }

# Ends the script.
conclude() {
  ((failures == 0)) || {
    echo "$failures checks failed" >&2
    exit 1
  }
  exit 0
}
