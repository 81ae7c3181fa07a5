"""Which host keys are trusted: ``known_hosts`` files, the ``policy``, the ``scan`` of a host."""
