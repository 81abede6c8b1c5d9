"""Operations that are carried out by functions made for them, instead of field by field.

Three steps, a file each (and `arguments.py` for what fields are called with, `telling.py` for lists, which
resolvers may return, that are told as JSON):

1. `plan.py` collects the fields of an operation, as graphql-core does, once for each document (and for each
   outcome of `@skip` and `@include`): a tree of what is selected of which type.
2. `code.py` writes a Python function for each object and list in that tree. Fields that lie in the value,
   and all below them, are copied in one expression; fields with a resolver are called.
3. `run.py` carries an operation out with those functions: it calls resolvers, waits for what they promise,
   for each on its own, and puts the results where they belong.

The functions know ordinary values only: lists, those of `telling.py`, dicts with every key that is asked
for, texts that are texts, no null that must not be. Whatever is odd raises `Odd`, or `KeyError` where a key
is missing, and graphql-core completes that value from its beginning: errors, their paths, and what becomes
null are always its own. Nothing here knows of contacts; any schema whose values are dicts will do.

What is not compiled (introspection, subscriptions, middleware) is left to graphql-core as a whole; so is an
operation that is asked for the first time (`prepared.py`).
"""
