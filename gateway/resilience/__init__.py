"""What stands between the gateway and a source: deadline, budget, and the one place that sends."""
