# A private PostgreSQL for the tests; sourced by tests/run, or used alone:
#     source tests/peers/postgres.sh && postgres_start && cargo test; postgres_stop
# Nothing of a system-wide PostgreSQL is touched. What is written is thrown away, so nothing waits for the disk, unless
# POSTGRES_DURABLE is set: benchmarks measure commits that last.

# Prints the folder that holds initdb and pg_ctl.
postgres_bin() {
    local folder
    for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
            echo "$folder"
            return 0
        fi
    done
    folder=$(command -v initdb) && [ -x "$(dirname "$folder")/pg_ctl" ] && dirname "$folder"
}

# Runs a command as a user that PostgreSQL accepts: it refuses to run as root.
postgres_as_user() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        setpriv --reuid=postgres --regid="$(id -g postgres)" --clear-groups "$@"
    else
        setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"
    fi
}

# Starts a server and exports TEST_POSTGRES_URL.
postgres_start() {
    local bin port haste="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    if [ -n "${POSTGRES_DURABLE:-}" ]; then haste="-c shared_buffers=256MB -c max_wal_size=4GB"; fi
    bin=$(postgres_bin) || { echo "no PostgreSQL server found (initdb, pg_ctl)" >&2; return 1; }
    POSTGRES_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/partnercast-postgres.XXXXXX") || return 1
    if [ "$(id -u)" -eq 0 ]; then
        chown "$(id -u postgres 2>/dev/null || id -u nobody)" "$POSTGRES_FOLDER"
    fi
    if ! (cd "$POSTGRES_FOLDER" && postgres_as_user "$bin/initdb" --pgdata=data --username=partnercast \
        --auth=trust --encoding=UTF8 --locale=C --no-sync >initdb.log 2>&1); then
        cat "$POSTGRES_FOLDER/initdb.log" >&2
        return 1
    fi
    # Between choosing a free port and listening on it somebody else may take it.
    for _ in 1 2 3; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        if (cd "$POSTGRES_FOLDER" && postgres_as_user "$bin/pg_ctl" start --wait --silent --pgdata=data \
            --log=server.log --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= \
            $haste -c max_connections=200 -c timezone=UTC" </dev/null >start.log 2>&1); then
            POSTGRES_BIN=$bin
            export TEST_POSTGRES_URL="postgres://partnercast@127.0.0.1:$port/postgres?sslmode=disable"
            return 0
        fi
    done
    cat "$POSTGRES_FOLDER/start.log" "$POSTGRES_FOLDER/server.log" >&2
    return 1
}

# Cuts the server off in the middle of whatever it does, as a crash would, and starts it again at the same address.
postgres_restart() {
    (cd "$POSTGRES_FOLDER" && postgres_as_user "$POSTGRES_BIN/pg_ctl" restart --wait --silent --mode=immediate \
        --pgdata=data --log=server.log </dev/null >restart.log 2>&1) || {
        cat "$POSTGRES_FOLDER/restart.log" "$POSTGRES_FOLDER/server.log" >&2
        return 1
    }
}

# Stops the server and removes everything it wrote.
postgres_stop() {
    [ -n "${POSTGRES_FOLDER:-}" ] || return 0
    if [ -n "${POSTGRES_BIN:-}" ]; then
        (cd "$POSTGRES_FOLDER" && postgres_as_user "$POSTGRES_BIN/pg_ctl" stop --silent --mode=immediate \
            --pgdata=data >/dev/null 2>&1)
    fi
    rm -rf "$POSTGRES_FOLDER"
    POSTGRES_FOLDER=
}
