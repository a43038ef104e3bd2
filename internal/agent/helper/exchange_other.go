// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package helper

import "errors"

// exchange is not to be had: machines have Linux.
func exchange(string, string) error { return errors.ErrUnsupported }
