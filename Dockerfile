# SPDX-FileCopyrightText: The open-spawn authors
# SPDX-License-Identifier: Apache-2.0
#
# One image for every process that runs in the cluster: the manager by default, the gateway by its command. It also
# holds the agent, for the machines.
# It holds static binaries and the roots of trust, nothing else: no shell, no package manager, no root.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
COPY internal/ internal/
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=dev
ARG COMMANDS="./cmd/manager ./cmd/gateway"
ARG LDFLAGS="-s -w -X github.com/cedros-io/open-spawn/internal/version.version=$VERSION"
RUN mkdir -p /out/agents && CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "$LDFLAGS" \
    -o /out/ $COMMANDS
# The agent for every kind of machine there is, whatever the image itself runs on. The manager tells machines the
# digests of these files, and the gateway serves them by digest.
RUN for arch in amd64 arm64; do CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags "$LDFLAGS" \
    -o /out/agents/agent-linux-$arch ./cmd/agent || exit 1; done

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="open-spawn" \
      org.opencontainers.image.description="Runs fleets of OpenClaw trading bots on DigitalOcean droplets" \
      org.opencontainers.image.source="https://github.com/cedros-io/open-spawn" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
USER 65532:65532
ENTRYPOINT ["/manager"]
