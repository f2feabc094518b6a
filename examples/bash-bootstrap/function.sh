# The function: reads the event, writes the answer.
handler() {
    local event
    event=$(cat)
    echo "an event of ${#event} bytes" >&2
    printf '{"bash": "%s", "bytes": %d, "event": %s}' "$BASH_VERSION" "${#event}" "$event"
}
