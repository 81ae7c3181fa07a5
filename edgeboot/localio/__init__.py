"""The controller's own files: atomic writes, XDG directories, disk space, progress."""
