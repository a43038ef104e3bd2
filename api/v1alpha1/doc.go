// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is version v1alpha1 of the API group spawn.cedros.io: Account (who pays), Bot (what should run) and
// Droplet (one cloud machine).
//
// Spec is intent and belongs to its writer: a person for Account and Bot, the bot controller for Droplet. Status is
// observation and belongs to the controller of that kind. What the schema and its CEL rules can refuse, the API server
// refuses, with every webhook down. Within v1alpha1 fields may be added; none changes its meaning.
//
// +kubebuilder:object:generate=true
// +groupName=spawn.cedros.io
package v1alpha1
