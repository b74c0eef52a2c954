# Sourced: `step TITLE COMMAND...` runs a command as one numbered, timed step.
# Its output goes to a log; on a terminal the last line of it is shown while it
# runs, elsewhere one line every 30 s. A failure shows the end of the log.

step_total=${step_total:-0} # set by the caller, for "[3/9]"
step_number=0
step_log_dir=${step_log_dir:-$(mktemp -d /tmp/datashim-steps.XXXXXX)}

step_watch() { # pid log label: shows life signs until the process ends
  local pid=$1 log=$2 label=$3 begin=$SECONDS said=0 line
  while kill -0 "$pid" 2>/dev/null; do
    if [[ -t 1 ]]; then
      line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | grep . | tail -n 1 | cut -c 1-70)
      printf '\r\e[K%s %4d s  %s' "$label" $((SECONDS - begin)) "$line"
    elif ((SECONDS - begin >= said + 30)); then
      said=$((SECONDS - begin))
      line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | grep . | tail -n 1 | cut -c 1-70)
      printf '%s %4d s … %s\n' "$label" "$said" "$line"
    fi
    sleep 0.3
  done
  if [[ -t 1 ]]; then printf '\r\e[K'; fi
}

step() { # title command...
  local title=$1 label log begin=$SECONDS pid status=0
  shift
  step_number=$((step_number + 1))
  label=$(printf '[%2d/%d] %s' "$step_number" "$step_total" "$title")
  log=$step_log_dir/$step_number.log
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  step_watch "$pid" "$log" "$label"
  wait "$pid" || status=$?
  if ((status != 0)); then
    printf '%s: failed after %d s (exit code %d). The end of %s:\n' \
      "$label" $((SECONDS - begin)) "$status" "$log" >&2
    tail -n 25 "$log" >&2
    return "$status"
  fi
  printf '%-58s %4d s\n' "$label" $((SECONDS - begin))
}
