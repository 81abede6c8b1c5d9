"""What a source cannot answer itself: by-id, search, filter, sort, count. Filled by scanning."""
