# Removes from the cluster what a manifest below server/manifests brought: K3s itself leaves it there
# when the file goes. A HelmChart goes by a job that uninstalls its release; that is waited for.
# Namespaces, volumes and definitions of resources stay: data hangs on them. So does what another
# manifest has taken over meanwhile: K3s notes on each object which one brought it.
#
# withdraw.sh MANIFEST SECONDS
# uses: journal
set -eu
trap 'journal_end "withdraw $1"' EXIT
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root
manifest=$1 seconds=$2
[ -e "$manifest" ] || exit 0
addon=${manifest##*/}
addon=${addon%%.*}

kubectl() { timeout "$((seconds + 30))" /usr/local/bin/k3s kubectl "$@"; }

columns='A:.apiVersion,K:.kind,S:.metadata.namespace,N:.metadata.name'
columns=$columns',O:.metadata.annotations.objectset\.rio\.cattle\.io/owner-name'
said=$(kubectl get -f "$manifest" --ignore-not-found --no-headers -o "custom-columns=$columns" 2>&1) ||
    case $said in
    *'no matches for kind'*) ;; # with its definition the objects of a kind are gone
    *)
        printf '%s\n' "$said" >&2
        exit 1 ;;
    esac
# Last things first: what came later may need what came before.
objects=$(printf '%s\n' "$said" | grep -v -e '^Warning:' -e '^error:' -e '^resource mapping' -e '^ensure CRDs' |
    sed -n '1!G;h;$p')
while read -r version kind namespace name owner; do
    case $kind in
    '') continue ;;
    Namespace | PersistentVolume | PersistentVolumeClaim | CustomResourceDefinition)
        echo "$kind $name stays"
        continue ;;
    esac
    case $owner in
    "$addon" | '<none>') ;;
    *)
        echo "$kind $name is $owner's now"
        continue ;;
    esac
    case $version in # TYPE.VERSION.GROUP, as kubectl takes it
    */*) type=$kind.${version#*/}.${version%%/*} ;;
    *) type=$kind.$version. ;;
    esac
    [ "$namespace" != '<none>' ] || namespace=default
    if ! kubectl delete "$type" "$name" -n "$namespace" --ignore-not-found --timeout="${seconds}s" </dev/null; then
        if [ "$kind" = HelmChart ]; then
            kubectl logs "job/helm-delete-$name" -n "$namespace" --tail=15 >&2 || :
        fi
        exit 1
    fi
done <<EOT
$objects
EOT
kubectl delete addon "$addon" -n kube-system --ignore-not-found
