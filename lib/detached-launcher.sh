#!/bin/sh
# Starts one process so that it outlives whoever asked for it, and records what becomes of it.
# Called by lib/detached.ts only:  detached-launcher.sh DIR DESCRIPTION COMMAND [ARGS…]
#
# This shell leads a session of its own, waits for the process and writes its exit code. The
# process itself begins as a second shell that records its own id and start time and then
# becomes the command (exec keeps both): there is no moment in which the command runs unrecorded.

# When process $1 began, as lib/process-identity.ts says it.
start_time() {
  if [ -r "/proc/$1/stat" ]; then
    read -r stat <"/proc/$1/stat"
    read -r boot </proc/sys/kernel/random/boot_id
    set -- ${stat##*) }
    echo "${20}.${boot%%-*}"
  else
    set -- $(TZ=UTC LC_ALL=C command -p ps -o lstart= -p "$1")
    echo "$*"
  fi
}

if [ "$1" = --become ]; then
  dir=$2
  description=$3
  launcher=$4
  shift 4
  {
    printf '{"pid":%d,"startTime":"%s","launcher":%s,"startedAt":"%s",' \
      $$ "$(start_time $$)" "$launcher" "$(command -p date -u +%Y-%m-%dT%H:%M:%SZ)" &&
      # The rest of the document, from the caller, who knows how to quote.
      command -p cat "$description"
  } >"$dir/process.$$.tmp" || {
    # Whoever asked tries again, for as long as the disk is full: nothing is left behind each time.
    command -p rm -f "$dir/process.$$.tmp" "$description"
    exit 124
  }
  command -p rm -f "$description"
  command -p sync "$dir/process.$$.tmp" 2>/dev/null
  # A hard link fails where the name is taken: of two launches into one folder, one wins.
  if command -p ln "$dir/process.$$.tmp" "$dir/process.json" 2>/dev/null; then
    command -p rm -f "$dir/process.$$.tmp"
    exec "$@"
  fi
  command -p rm -f "$dir/process.$$.tmp"
  exit 125
fi

dir=$1
description=$2
shift 2
# Caught, not ignored: what is ignored here would be ignored by the command too.
trap : HUP INT QUIT TERM USR1 USR2
/bin/sh "$0" --become "$dir" "$description" "{\"pid\":$$,\"startTime\":\"$(start_time $$)\"}" "$@"
code=$?
# Only the launch that won has something to tell.
if command -p grep -q "\"launcher\":{\"pid\":$$," "$dir/process.json" 2>/dev/null; then
  # On a disk that is full nothing is told rather than half of it: that it has ended is seen without.
  if printf '{"launcher":%d,"exitCode":%d,"endedAt":"%s"}\n' $$ $code "$(command -p date -u +%Y-%m-%dT%H:%M:%SZ)" >"$dir/exit.$$.tmp"; then
    command -p sync "$dir/exit.$$.tmp" 2>/dev/null
    command -p mv "$dir/exit.$$.tmp" "$dir/exit.json"
  else
    command -p rm -f "$dir/exit.$$.tmp"
  fi
fi
