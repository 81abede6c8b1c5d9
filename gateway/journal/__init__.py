"""What has to outlive the process: events, answers to keyed writes, imports. Embedded SQLite."""
