"""The administrator's kubeconfig: fetched, and merged into one's own."""
