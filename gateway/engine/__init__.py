"""GraphQL without contacts: it could serve any schema."""
