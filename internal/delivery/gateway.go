// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"strconv"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// GatewayLabel is on the Leases by which gateways say that they receive, and on no machine's.
	GatewayLabel = spawnv1.GroupName + "/gateway"
	// GatewayDuration is for how long a gateway's Lease is good. It is renewed in a quarter of that.
	GatewayDuration = 40 * time.Second

	servesAnnotation = spawnv1.GroupName + "/serves"
)

// Gateway is what one replica of the gateway says of itself: that it received when its Lease was last renewed.
type Gateway struct {
	// Name is the replica's, such as its Pod's.
	Name string
	// Serves is how many machines it has heard of lately, by which the replicas share the budget of writes.
	Serves int
	// Renewed is by its own clock: compare it with itself only.
	Renewed time.Time
}

// LeaseName is that of a replica's Lease. No machine's name has a dot.
func (g Gateway) LeaseName() string { return "gateway." + g.Name }

// IsGateway tells whether a Lease is a gateway's rather than a machine's.
func IsGateway(lease *coordinationv1.Lease) bool { return lease.Labels[GatewayLabel] != "" }

// ReadGateway is what a gateway's Lease says.
func ReadGateway(lease *coordinationv1.Lease) Gateway {
	g := Gateway{Name: lease.Labels[GatewayLabel]}
	g.Serves, _ = strconv.Atoi(lease.Annotations[servesAnnotation]) // none is a fair guess
	if lease.Spec.RenewTime != nil {
		g.Renewed = lease.Spec.RenewTime.Time
	}
	return g
}

// WriteTo puts it into the replica's Lease.
func (g Gateway) WriteTo(lease *coordinationv1.Lease) {
	seconds, renewed := int32(GatewayDuration/time.Second), metav1.NewMicroTime(g.Renewed)
	lease.Labels = map[string]string{GatewayLabel: g.Name}
	lease.Annotations = map[string]string{servesAnnotation: strconv.Itoa(g.Serves)}
	lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds, lease.Spec.RenewTime = &g.Name, &seconds, &renewed
}
