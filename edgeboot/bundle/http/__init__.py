"""Files over HTTP(S): time limits, retries, resumption."""
