"""What was read a moment ago, what is being read, and what was last seen."""
