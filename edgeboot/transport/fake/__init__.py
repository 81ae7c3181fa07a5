"""In-memory hosts behind the Transport protocol, for tests: ours, and those of library users.

They understand edgeboot's packaged snippets, not shell. A ``FakeCluster`` lets hosts join whose
service was started with the right token, so a whole install runs in milliseconds. Faults: a host
raises ``Unreachable`` at a chosen operation, before or after carrying it out, as a cut link would.

    host       the Transport: operations, faults, the lock
    shell      what snippets do to it; ``answers`` is what those print that look
    machine    files, services, uploads; below it, the ``board``
    cluster    tokens and nodes; ``api`` and ``tls`` serve them over a channel
"""
