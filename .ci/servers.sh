# Sourced by the scripts that run a command beside a server of their own.

# A port of this machine that is free now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_server LOG PROBE COMMAND...: starts a server that ends with this script, and waits until curl has an answer to PROBE, the
# name of a list of its arguments.
start_server() {
    local log=$1
    local -n probe=$2
    shift 2
    "$@" >"$log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
    for _ in $(seq 300); do
        curl --silent --fail --output /dev/null "${probe[@]}" && return
        kill -0 "$server" || break
        sleep 0.1
    done
    cat "$log" >&2
    exit 1
}
