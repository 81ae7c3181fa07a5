"""Commands on a whole cluster: install, plan, preflight, status, reset, kubeconfig, ssh."""
