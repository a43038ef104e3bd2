// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package openclaw knows what OpenClaw reads: it makes openclaw.json, the environment and the workspace of a bot from a
// protocol.BotConfig. There is a renderer for each version that is supported, because OpenClaw's configuration changes
// from one to the next. It runs nothing and writes nothing; see internal/agent for that.
//
// What each key means is in the documentation that comes with the package on npm, under docs/.
package openclaw
