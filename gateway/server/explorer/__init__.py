"""GraphiQL in the browser, served from our own origin."""
