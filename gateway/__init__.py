"""Contacts of three systems behind one GraphQL schema."""
