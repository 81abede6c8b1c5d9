"""An MCP server for assistants: a client of a running gateway, with one tool for each reviewed document."""
