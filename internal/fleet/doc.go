// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package fleet keeps this installation to its own instances. The fleet record, one ConfigMap, says which fleet id,
// which DigitalOcean team and which cluster belong together; the Guard stands before the cloud and lets a call pass
// only with a token that was found to be of that team.
//
// It promises that no answer which a token of another team gives is ever taken for one about our instances, and that a
// doubt about whose the fleet is stops every write, says so, and ends nothing: not the process, and no machine.
package fleet
