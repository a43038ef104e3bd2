// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// rotate takes another credential of a machine. The old one is good until the new one is used, so a lost answer costs
// nothing.
func (g *Gateway) rotate(x *exchange) error {
	record, shown, err := g.identify(x)
	if err != nil {
		return err
	}
	var asks protocol.Rotation
	if err := x.read(&asks); err != nil {
		return err
	}
	wanted, err := token.ParseHash(asks.CredentialSHA256)
	if err != nil || wanted.IsZero() {
		return refuse(protocol.CodeBadRequest, "credentialSHA256 is no SHA-256")
	}
	_, err = g.change(x.r.Context(), x.machine, record, func(p *delivery.Presence) (bool, error) {
		if !p.Credential.Equal(shown) {
			return false, refuse(protocol.CodeUnauthorized, "the credential was replaced")
		}
		if p.Credential.Equal(wanted) || p.Next.Equal(wanted) {
			return false, nil
		}
		p.Next = wanted
		return true, nil
	})
	if err != nil {
		return err
	}
	x.head(http.StatusNoContent)
	return nil
}
