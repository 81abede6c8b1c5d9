"""What the gateway tells of itself: log lines, metrics, traces. Listeners of `gateway.events`."""
