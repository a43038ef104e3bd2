// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots_test

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// failing is a client whose writes of a status are answered with an error.
type failing struct {
	client.Client
	err error
}

func (f failing) Status() client.SubResourceWriter { return refusing{f.Client.Status(), f.err} }

type refusing struct {
	client.SubResourceWriter
	err error
}

func (r refusing) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return r.err
}
