"""Which records are one person, and what that person is called. Pure: nothing is read or written here."""
