"""Samespace: a GraphQL CRM and a file upload."""
