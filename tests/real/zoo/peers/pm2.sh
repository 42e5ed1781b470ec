#!/bin/sh
# `pm2.sh LIMIT GRACE_MS COMMAND…`: run a command under a pm2 of its own for LIMIT seconds, or until it has
# ended; then stop it and pm2. The command's exit code is lost: pm2 does not hand it on.
limit=$1 grace=$2
shift 2
export PM2_HOME="$PWD/pm2"
program=$1
shift
pm2 start "$program" --name zoo --no-autorestart --interpreter none --kill-timeout "$grace" -- "$@" > /dev/null || exit 125
end=$(($(date +%s%N) + $(printf '%.0f' "$(echo "$limit" | awk '{print $1 * 1e9}')")))
while [ "$(date +%s%N)" -lt "$end" ] && pm2 pid zoo | grep -q '[1-9]'; do sleep 0.1; done
pm2 delete zoo > /dev/null
pm2 kill > /dev/null
