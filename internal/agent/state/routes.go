// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import "errors"

const routesFile = "routes.json"

// Route is how to reach gateways.
type Route struct {
	// URLs are the gateways, the best first.
	URLs []string `json:"urls"`
	// CA are the certificates in PEM that prove them; empty means those that the system trusts.
	CA string `json:"ca,omitempty"`
}

// Routes are the Route that the gateways told last, and the one that worked before, which is tried when that one leads
// nowhere.
type Routes struct {
	Newest Route  `json:"newest"`
	Before *Route `json:"before,omitempty"`
}

// Routes are what was told; false when nothing was.
func (d *Dir) Routes() (Routes, bool, error) {
	var r Routes
	err := d.get(routesFile, &r)
	if errors.Is(err, errAbsent) {
		return Routes{}, false, nil
	}
	return r, err == nil, err
}

// SaveRoutes keeps what was told.
func (d *Dir) SaveRoutes(r Routes) error { return d.put(routesFile, r) }
