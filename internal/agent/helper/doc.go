// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package helper is the little that the agent may have root do: a few verbs, each of which is a command or two with
// nothing in it that anybody could choose. systemd starts one process for each call and hands it the connection.
package helper
