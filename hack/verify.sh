#!/usr/bin/env bash
# SPDX-FileCopyrightText: The open-spawn authors
# SPDX-License-Identifier: Apache-2.0
#
# Regenerates what is generated and asks every module whether it is tidy; fails if anything would change.
# It compares content before and after, so it also works in a checkout with uncommitted changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# fingerprint lists every generated file with its digest.
fingerprint() {
  find api config/crd/bases config/rbac/role.yaml -type f \( -name 'zz_generated*.go' -o -name '*.yaml' \) \
    -exec sha256sum {} + 2>/dev/null | sort -k 2
}

# modules lists the directory of every Go module of this repository.
modules() {
  find . -name go.mod -not -path './bin/*' -not -path './.git/*' -not -path '*/node_modules/*' -exec dirname {} \; | sort
}

failed=0

echo "verify: generated files"
before=$(fingerprint || true)
make generate
after=$(fingerprint || true)
if [[ $before != "$after" ]]; then
  echo "verify: generated files were out of date and are now regenerated, commit them:" >&2
  diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | awk '/^>/ { print "  " $3 }' >&2 || true
  failed=1
fi

for module in $(modules); do
  echo "verify: go mod tidy -diff in $module"
  if ! (cd "$module" && go mod tidy -diff); then
    echo "verify: $module is not tidy, run: (cd $module && go mod tidy)" >&2
    failed=1
  fi
done

if ((failed == 0)); then
  echo "verify: clean"
fi
exit "$failed"
