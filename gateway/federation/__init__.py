"""Many sources seen as one: the verbs that resolvers use, and the lists that are read out of several."""
