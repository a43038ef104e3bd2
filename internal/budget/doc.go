// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package budget decides which call to the cloud may be made now. There is one Budget for each manager and token, and
// every call of every controller asks it.
//
// It promises: no more calls in any minute and any hour than the token has, counting what others spend with it; that
// what destroys goes before what creates, and what creates before what reads; that no account takes the hour from the
// others; that a cloud which asks for a pause gets it, and one which is down is hardly called. It never sleeps and
// never blocks: a call is admitted, or it is told when to ask again, and nothing was sent.
package budget
