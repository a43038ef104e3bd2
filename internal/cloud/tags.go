// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import "context"

// Tagger is the part of a cloud that labels instances.
type Tagger interface {
	// EnsureTag makes sure that a tag exists. It may be repeated.
	EnsureTag(ctx context.Context, tag string) error

	// Tag puts a tag that exists on one instance. It may be repeated. NotFound means that there is no such tag, or no
	// such instance.
	Tag(ctx context.Context, id int64, tag string) error
}
