# Sets how many pods a Deployment has. K3s's own manifest does not say, so it stays.
#
# scale.sh NAMESPACE NAME REPLICAS
# uses: journal
set -eu
trap 'journal_end "scale $2 to $3"' EXIT
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root
tries=0 # a Deployment of K3s's own is there some seconds after the API
while ! timeout 60 /usr/local/bin/k3s kubectl scale deployment "$2" -n "$1" --replicas="$3" --request-timeout=30s; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || exit 1
    sleep 2
done
