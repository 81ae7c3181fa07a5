"""The content-addressed cache of blobs."""
