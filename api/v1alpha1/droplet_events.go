// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// InstanceAbandonedReason is that of the event which says that a Droplet was let go although nobody knows whether its
// instance is gone, because an administrator has asked for it.
const InstanceAbandonedReason = "InstanceAbandoned"
