# Where a checkout's Zonelog lives and listens: read by up and down.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin

api_port=${ZONELOG_API_PORT:-9001}
minidns_port=${ZONELOG_MINIDNS_PORT:-5354}
bind_port=${ZONELOG_BIND_PORT:-5300}
rndc_port=${ZONELOG_RNDC_PORT:-9953}
metrics_port=${ZONELOG_METRICS_PORT:-9102}
keystone_port=${ZONELOG_KEYSTONE_PORT:-5000}

# As root PostgreSQL runs as user postgres and BIND as user bind, who can enter no checkout below a closed folder such
# as /root.
open_to_others() {
    local folder=$1
    while [ "$folder" != / ]; do
        [ -n "$(find "$folder" -maxdepth 0 -perm -o+x)" ] || return 1
        folder=$(dirname "$folder")
    done
}
if [ -n "${ZONELOG_HOME:-}" ]; then
    mkdir -p "$ZONELOG_HOME"
    home=$(cd "$ZONELOG_HOME" && pwd)
elif [ "$(id -u)" -ne 0 ] || open_to_others "$root"; then
    home=$root/.zonelog
else
    home=/var/lib/zonelog-checkout
fi
marker=$home/made-by-ops-up
bind=$home/bind
keystone=$home/keystone

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# The process of a pid file, if it lives and is ours: its command line names this folder.
process() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$home" && echo "$pid"
}

# Ends the process of a pid file: asked to first, and made to after ten seconds.
stop() {
    local pid
    if pid=$(process "$1"); then
        kill "$pid"
        for _ in $(seq 100); do
            process "$1" >/dev/null || break
            sleep 0.1
        done
        if process "$1" >/dev/null; then kill -9 "$pid"; fi
    fi
    rm -f "$1"
}

# Waits until a command succeeds: wait_for SECONDS COMMAND...
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.05
    done
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
