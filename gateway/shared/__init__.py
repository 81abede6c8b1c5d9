"""What several replicas share through Redis (or Valkey), by its client library's own means."""
