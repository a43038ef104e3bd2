#!/bin/sh
# SPDX-FileCopyrightText: The open-spawn authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the local control plane (etcd, kube-apiserver, kube-controller-manager, kubectl) at the versions pinned in
# go.mod beside this script, into bin/k8s/<version>. It needs Go and git, and does nothing when all is current.
#
#   hack/controlplane/build.sh              build, and print the directory
#   hack/controlplane/build.sh --print-dir  print the directory only
#
# KUBEBUILDER_ASSETS names a directory of programs to use instead; then nothing is built.
# The directory goes to standard output and everything else to standard error.
set -eu

heartbeat_seconds=10

say() { printf 'control plane: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# pinned MODULE prints the version of a module that go.mod requires.
pinned() { awk -v module="$1" '$1 == module { print $2; exit }' go.mod; }

# fingerprint prints what the programs depend on; git is the one hash program that is always there.
fingerprint() {
	cat go.mod go.sum build.sh | git hash-object --stdin
	go env GOVERSION GOHOSTOS GOHOSTARCH
}

elapsed() {
	seconds=$(($(date +%s) - $1))
	if [ "$seconds" -ge 60 ]; then printf '%dm%02ds' $((seconds / 60)) $((seconds % 60)); else printf '%ds' "$seconds"; fi
}

# progress START prints how far go build came, from what it says: a line for each module fetched and package compiled.
progress() {
	awk -v time="$(elapsed "$1")" '
		/^go: downloading / { modules++; next }
		/^[^ :#]+$/ { packages++ }
		END {
			if (modules) printf "%d modules fetched, ", modules
			printf "%d packages compiled, %s", packages, time
		}' "$log"
}

# compile NAME PACKAGE builds one program under a temporary name, and says at intervals that it is alive.
compile() {
	say "building $1"
	started=$(date +%s)
	CGO_ENABLED=0 go build -v -mod=readonly -trimpath -buildvcs=false -ldflags "$ldflags" -o "$dir/.$1.new" "$2" \
		>"$log" 2>&1 &
	build=$!
	ticks=0
	while kill -0 "$build" 2>/dev/null; do
		sleep 1
		ticks=$((ticks + 1))
		[ $((ticks % heartbeat_seconds)) -ne 0 ] || say "building $1: $(progress "$started")"
	done
	if ! wait "$build"; then
		grep -v -e '^go: downloading ' -e '^[^ :#]*$' "$log" | tail -n 40 >&2 || true
		die "building $1 with $(go env GOVERSION): go build failed, see above"
	fi
	build=
	mv -f "$dir/.$1.new" "$dir/$1"
	say "built $1: $(progress "$started")"
}

# cleanup ends a build that was interrupted and removes what is unfinished.
cleanup() {
	[ -z "$build" ] || kill "$build" 2>/dev/null || true
	rm -f "$log" "$dir"/.*.new
}

current() {
	[ -f "$dir/.stamp" ] && [ "$(cat "$dir/.stamp")" = "$stamp" ] || return 1
	for name in etcd kube-apiserver kube-controller-manager kubectl; do
		[ -x "$dir/$name" ] || return 1
	done
}

print_only=false
case "${1-}" in
'') ;;
--print-dir) print_only=true ;;
*) die "unknown argument $1; usage: build.sh [--print-dir]" ;;
esac

if [ -n "${KUBEBUILDER_ASSETS-}" ]; then
	"$print_only" || say "using KUBEBUILDER_ASSETS, building nothing"
	printf '%s\n' "$KUBEBUILDER_ASSETS"
	exit 0
fi

cd "$(dirname "$0")"
version=$(pinned k8s.io/kubernetes)
etcd_version=$(pinned go.etcd.io/etcd/server/v3)
if [ -z "$version" ] || [ -z "$etcd_version" ]; then
	die "reading go.mod: it must require k8s.io/kubernetes and etcd"
fi
dir=$(cd ../.. && pwd)/bin/k8s/$version
if "$print_only"; then
	printf '%s\n' "$dir"
	exit 0
fi

for tool in go git; do
	command -v "$tool" >/dev/null || die "$tool is not installed"
done
# The programs run here, whatever the caller builds for, and only this module decides what they are made of.
unset GOOS GOARCH
export GOWORK=off
stamp=$(fingerprint)
if current; then
	printf '%s\n' "$dir"
	exit 0
fi

component=k8s.io/component-base/version
numbers=${version#v}
minor=${numbers#*.}
# Unstamped, kubectl cannot parse the server's version. The commit and date are not in a module, and are not made up.
ldflags="-s -w
-X $component.gitVersion=$version
-X $component.gitMajor=${numbers%%.*}
-X $component.gitMinor=${minor%%.*}
-X $component.gitTreeState=clean
-X $component.gitCommit=unknown
-X $component.buildDate=1970-01-01T00:00:00Z
-X go.etcd.io/etcd/api/v3/version.GitSHA=$etcd_version"
ldflags=$(printf '%s' "$ldflags" | tr '\n' ' ')

build=
log=$(mktemp)
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$dir"
rm -f "$dir/.stamp"
say "building Kubernetes $version and etcd $etcd_version; the first time takes about 8 minutes on 2 cores"
began=$(date +%s)
compile kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
compile etcd go.etcd.io/etcd/server/v3
compile kubectl k8s.io/kubernetes/cmd/kubectl
compile kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
printf '%s\n' "$stamp" >"$dir/.stamp"
say "ready after $(elapsed "$began")"
printf '%s\n' "$dir"
