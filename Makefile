# open-spawn: every command a change needs. Start with `make help`.
# A bare machine needs Go, git, make and a C compiler (the race detector uses it); the rest is built from pinned modules.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

IMAGE ?= open-spawn
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TAG ?= $(VERSION)
# Those that take longest come first, so that none is left to run alone at the end; after the first two those that wait
# more than they compute, for test/e2e has a real bot beside it to keep on time.
PKG ?= ./controllers/bot ./test/e2e ./internal/agent ./test/openclaw ./test/install ./test/admission ./test/lives \
	./test/rest ./test/wiring ./controllers/... ./...
COUNT ?= 20
N ?= 200
# Where machines reach the gateway: https URLs, separated by commas; and the file with the CA that has signed its
# certificate, unless that is a public authority.
GATEWAY_URL ?=
GATEWAY_CA ?=
AGENTS ?= bin/agents
KUBECTL ?= $(firstword $(shell command -v kubectl) $(wildcard bin/k8s/*/kubectl) kubectl)

TOOLS := bin/tools
COMMA := ,
LDFLAGS := -s -w -X github.com/cedros-io/open-spawn/internal/version.version=$(VERSION)
# Half of a test run's time goes into the API servers, and much of theirs into collecting garbage: they have memory.
# Tests also wait, so one more package runs than there are processors; and the race detector need not sleep at the end.
GOTEST := GOGC=400 GORACE=atexit_sleep_ms=10 go test -race -shuffle=on -p $$(($$(getconf _NPROCESSORS_ONLN) + 1))

##@ Write

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

.PHONY: generate
generate: $(TOOLS)/controller-gen ## Regenerate deepcopy, CRDs and the manager's Role from the markers
	@echo "generate: deepcopy, config/crd/bases, config/rbac/role.yaml"
	@$< object:headerFile=hack/boilerplate.go.txt crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	@$< rbac:roleName=manager paths=./controllers/... output:rbac:artifacts:config=config/rbac

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## Format the Go code and order its imports
	@$< fmt ./...

##@ Check

.PHONY: test
test: controlplane ## Run every test against a real API server, with the race detector, in random order
	@hack/openclaw/install || echo "test: OpenClaw cannot be installed here: the tests that run it are SKIPPED" >&2
	@$(GOTEST) -timeout 20m $(PKG)

.PHONY: e2e
e2e: controlplane openclaw ## Run a bot with the real OpenClaw from apply to delete, and print how long each step takes
	@GOGC=400 go test -timeout 20m -v ./test/e2e | sed -n 's/^ *[a-z_0-9]*\.go:[0-9]*: //p; /^---/p; /^\(ok\|FAIL\|panic\)/p'

.PHONY: deflake
deflake: controlplane ## Run the tests of PKG COUNT times (20) and stop at the first failure
	@$(GOTEST) -timeout 2h -failfast -count=$(COUNT) $(PKG)

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## Run the linters of .golangci.yml, and vet the nested modules
	@$< run ./...
	@cd hack/tools/golangci-lint && go vet ./...

.PHONY: verify
verify: $(TOOLS)/controller-gen ## Regenerate and tidy; fail if anything would change
	@hack/verify.sh

.PHONY: bench
bench: controlplane ## Measure a fleet of N bots (200) and print JSON
	@N=$(N) go run ./hack/bench

##@ Run

.PHONY: controlplane
controlplane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into bin/k8s (minutes, once)
	@hack/controlplane/build.sh >/dev/null

.PHONY: demo
demo: controlplane ## Run the whole thing on this machine; ONCE=1 exits when done, REAL=1 uses DigitalOcean
	@go run ./hack/demo

.PHONY: run
run: ## Run the manager against the current kubeconfig, with flags ARGS
	@go run -ldflags '$(LDFLAGS)' ./cmd/manager $(ARGS)

##@ Build

.PHONY: build
build: ## Build the static binaries of cmd/ into bin/
	@mkdir -p bin
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: agents
agents: ## Build the static agent for every kind of machine into bin/agents
	@mkdir -p '$(AGENTS)'
	@for arch in amd64 arm64; do CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' \
		-o '$(AGENTS)/'agent-linux-$$arch ./cmd/agent; done

.PHONY: openclaw
openclaw: ## Install Node and the versions of OpenClaw that bots run into bin/openclaw (a minute, once)
	@hack/openclaw/install

.PHONY: openclaw-archive
openclaw-archive: ## Pack Node and OpenClaw, as hack/openclaw/install has put them into bin/openclaw, for machines
	@hack/openclaw/install
	@hack/openclaw/archive bin/openclaw bin/archives

.PHONY: image
image: ## Build the container image IMAGE:TAG: manager, gateway, and the agents that it serves
	@docker build --build-arg VERSION=$(VERSION) --tag $(IMAGE):$(TAG) .

.PHONY: manifests
manifests: gateway-url $(TOOLS)/kustomize ## Assemble dist/install.yaml for image IMAGE:TAG and a gateway at GATEWAY_URL
	@mkdir -p dist
	@printf '%s\n' > dist/kustomization.yaml \
		'resources: [../config/default]' \
		'images: [{name: open-spawn, newName: "$(IMAGE)", newTag: "$(TAG)"}]' \
		'configMapGenerator:' \
		'  - name: open-spawn-gateway' \
		'    namespace: open-spawn-system' \
		'    options: {labels: {app.kubernetes.io/name: open-spawn, app.kubernetes.io/part-of: open-spawn}}' \
		'    literals: ["url=$(GATEWAY_URL)"$(if $(GATEWAY_CA),$(COMMA) caFile=/etc/open-spawn/gateway/ca.pem)]' \
		$(if $(GATEWAY_CA),'    files: [ca.pem]')
	@[[ -z '$(GATEWAY_CA)' ]] || cp '$(GATEWAY_CA)' dist/ca.pem
	@$(TOOLS)/kustomize build dist > dist/install.yaml
	@echo "manifests: dist/install.yaml, image $(IMAGE):$(TAG), gateway $(GATEWAY_URL)"

.PHONY: gateway-url
gateway-url:
	@[[ '$(GATEWAY_URL)' =~ ^https://[^/,\ ]+(,https://[^/,\ ]+)*$$ ]] || { echo "say where machines reach the gateway:" \
		"GATEWAY_URL=https://gateway.example.com; several are separated by commas" >&2; exit 1; }
	@[[ -z '$(GATEWAY_CA)' ]] || grep -q 'BEGIN CERTIFICATE' '$(GATEWAY_CA)' || \
		{ echo "GATEWAY_CA=$(GATEWAY_CA) is no file with a certificate in PEM" >&2; exit 1; }

.PHONY: tools
tools: $(addprefix $(TOOLS)/,controller-gen kustomize golangci-lint) ## Build the pinned tools into bin/tools

##@ Install (into the cluster of the current kubeconfig)

.PHONY: install
install: ## Install the CRDs
	@$(KUBECTL) apply --server-side -k config/crd

.PHONY: uninstall
uninstall: ## Remove the CRDs; refused while an Account, Bot or Droplet exists, because that would end its machine
	@left=$$($(KUBECTL) get accounts.spawn.cedros.io,bots.spawn.cedros.io,droplets.spawn.cedros.io -A -o name); \
		[[ -z $$left ]] || { echo "uninstall refused, this fleet would be destroyed:"; echo "$$left"; exit 1; } >&2
	@$(KUBECTL) delete -k config/crd

.PHONY: deploy
deploy: manifests ## Deploy CRDs, manager and gateway: image IMAGE:TAG, gateway at GATEWAY_URL
	@$(KUBECTL) apply --server-side -f dist/install.yaml

.PHONY: undeploy
undeploy: $(TOOLS)/kustomize ## Remove manager and gateway; CRDs, namespaces and therefore the fleet stay
	@echo "undeploy: machines keep running and keep costing money; see uninstall"
	@$< build config/default | \
		awk 'BEGIN { RS = "\n---\n"; ORS = "\n---\n" } !/(^|\n)kind: (CustomResourceDefinition|Namespace)(\n|$$)/' | \
		$(KUBECTL) delete --ignore-not-found -f -

# The tools are rebuilt when their pins move; touch, because go leaves an unchanged binary alone.

$(TOOLS)/controller-gen: hack/tools/go.mod hack/tools/go.sum
	@echo "tools: controller-gen"
	@go build -C hack/tools -o $(abspath $@) sigs.k8s.io/controller-tools/cmd/controller-gen && touch $@

$(TOOLS)/kustomize: hack/tools/go.mod hack/tools/go.sum
	@echo "tools: kustomize"
	@go build -C hack/tools -o $(abspath $@) sigs.k8s.io/kustomize/kustomize/v5 && touch $@

$(TOOLS)/golangci-lint: $(addprefix hack/tools/golangci-lint/,go.mod go.sum main.go)
	@echo "tools: golangci-lint (minutes, once)"
	@go build -C hack/tools/golangci-lint -o $(abspath $@) . && touch $@
