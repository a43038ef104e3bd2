// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import "context"

// Team is whose instances a credential sees.
type Team struct {
	// UUID is the cloud's own name for it, and never changes.
	UUID string
	// Name is what people call it; they can change it.
	Name string
}

// Accounts tells whose a credential is. Like Instances it returns an *Error for everything that went wrong.
type Accounts interface {
	// Team reads whose instances the present credential sees. The answer always has a UUID.
	Team(ctx context.Context) (Team, error)
}
