# SPDX-FileCopyrightText: The open-spawn authors
# SPDX-License-Identifier: Apache-2.0
#
# One image for every process that runs in the cluster: the manager by default, others by their command.
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
ARG COMMANDS="./cmd/manager"
RUN mkdir /out && CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags "-s -w -X github.com/cedros-io/open-spawn/internal/version.version=$VERSION" \
    -o /out/ $COMMANDS

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
