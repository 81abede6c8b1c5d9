"""The gateway's own nouns. Values that resolvers return are dicts with every key of their GraphQL type.

See docs/decisions/0002-values-are-schema-shaped-dicts.md for why they are dicts.
"""
