"""Connections to sources: HTTP/1.1 behind `httpx.AsyncBaseTransport`.

A request goes through these files from top to bottom:

    transport.py   the way of one request: a connection, the request, the answer
    pool.py        how many connections there are, and which of them are kept
    opening.py     a new connection: addresses of a name, TLS
    tunnel.py      the way through a proxy, where there is one
    sending.py     the bytes of a request, and nothing that is not one
    connection.py  one connection, with one exchange at a time
    answer.py      what comes back for one request

No bytes of one exchange may ever be taken for another's. So each has a parser of its own, and a connection is
kept only after an answer that was there to its end; everything else closes it, also a caller who goes away.
"""
