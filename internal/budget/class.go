// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

// Class is how urgent a call is. Lower values go first.
type Class int

// The classes.
const (
	// Destroy is what ends costs and doubts: destroying, powering off, resolving a lost reply, confirming that nothing
	// is left.
	Destroy Class = iota
	// Act is creating, the look before it, and what a user asks for.
	Act
	// Read is passes over the fleet, and polls.
	Read

	classes = iota
)

// String is the class's name, used as a metric label.
func (c Class) String() string { return [classes]string{"destroy", "act", "read"}[c] }

// Reason is why a call was refused, used as a metric label.
type Reason string

// The reasons.
const (
	// Minute: there is no room in the minute.
	Minute Reason = "minute"
	// Hour: too little of the hour is left for this class.
	Hour Reason = "hour"
	// Account: the account has had its share of the hour, and the others come first.
	Account Reason = "account"
	// Bot: the bot's machine was made, destroyed and acted on too often within an hour, and others come first.
	Bot Reason = "bot"
	// Pause: the cloud asked for a pause.
	Pause Reason = "pause"
	// Breaker: the cloud has failed several times in a row.
	Breaker Reason = "breaker"
)

var sentences = map[Reason]string{
	Minute:  "the calls of this minute are spent",
	Hour:    "the calls of this hour are nearly spent, and the rest is kept for what is more urgent",
	Account: "the account has had its share of this hour's calls to DigitalOcean",
	Bot:     "this bot's machine was created, destroyed or switched too often within an hour, and others come first",
	Pause:   "DigitalOcean asks us to slow down",
	Breaker: "DigitalOcean does not answer, and is asked only now and then",
}

// Sentence says the reason to a person.
func (r Reason) Sentence() string { return sentences[r] }
