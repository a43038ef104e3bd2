// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package certs serves the admission webhooks under a certificate that the manager makes itself: a private CA and a
// serving certificate in one Secret, renewed long before they end, and the CA's certificate in the webhook
// configuration, put there again whenever somebody takes it out. github.com/open-policy-agent/cert-controller does the
// cryptography and the rotation; this package gives it the Secret and no more rights than that takes, and hands the
// certificate to the server at once.
//
// Every replica does all of it, the leader or not: whoever comes first writes, and the others read.
package certs
