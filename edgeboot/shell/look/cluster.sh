# Prints what a server's API says of the whole cluster. Each section begins with "== NAME EXIT-CODE".
#
# cluster.sh
# uses: sections
set -u
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root
k3s=/usr/local/bin/k3s

get() { timeout 60 "$k3s" kubectl get "$@" --request-timeout=50s; }

section ready get --raw /readyz
section nodes get nodes -o json
section workloads get deployments.apps,daemonsets.apps,statefulsets.apps -A -o json
section charts get helmcharts.helm.cattle.io,jobs.batch -A -o json
section classes get storageclasses.storage.k8s.io -o json
echo '== end 0'
