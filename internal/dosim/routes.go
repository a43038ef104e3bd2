// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

// route is one line of the API: a method, a pattern, and what handles them under the lock.
type route struct {
	method, pattern string
	handle          func(*call) reply
	limitsKeyList   bool // counts against the separate limit of the list of keys
}

// routes is the whole API. Literal segments win over variables: /v2/droplets/actions is not a droplet.
var routes = []route{
	{method: "GET", pattern: "/v2/account", handle: getAccount},
	{method: "GET", pattern: "/v2/account/keys", handle: listKeys, limitsKeyList: true},
	{method: "POST", pattern: "/v2/account/keys", handle: createKey},
	{method: "GET", pattern: "/v2/account/keys/{id}", handle: getKey},
	{method: "PUT", pattern: "/v2/account/keys/{id}", handle: renameKey},
	{method: "DELETE", pattern: "/v2/account/keys/{id}", handle: deleteKey},
	{method: "GET", pattern: "/v2/actions", handle: listActions},
	{method: "GET", pattern: "/v2/actions/{action}", handle: getAction},
	{method: "GET", pattern: "/v2/droplets", handle: listDroplets},
	{method: "POST", pattern: "/v2/droplets", handle: createDroplets},
	{method: "DELETE", pattern: "/v2/droplets", handle: deleteDropletsByTag},
	{method: "POST", pattern: "/v2/droplets/actions", handle: startActionsByTag},
	{method: "GET", pattern: "/v2/droplets/autoscale", handle: listAutoscalePools},
	{method: "GET", pattern: "/v2/droplets/{id}", handle: getDroplet},
	{method: "DELETE", pattern: "/v2/droplets/{id}", handle: deleteDroplet},
	{method: "GET", pattern: "/v2/droplets/{id}/actions", handle: listDropletActions},
	{method: "POST", pattern: "/v2/droplets/{id}/actions", handle: startDropletAction},
	{method: "GET", pattern: "/v2/droplets/{id}/actions/{action}", handle: getDropletAction},
	{method: "GET", pattern: "/v2/droplets/{id}/backups", handle: listDropletBackups},
	{method: "GET", pattern: "/v2/droplets/{id}/firewalls", handle: listDropletFirewalls},
	{method: "GET", pattern: "/v2/droplets/{id}/kernels", handle: listDropletKernels},
	{method: "GET", pattern: "/v2/droplets/{id}/neighbors", handle: listDropletNeighbors},
	{method: "GET", pattern: "/v2/droplets/{id}/snapshots", handle: listDropletSnapshots},
	{method: "GET", pattern: "/v2/firewalls", handle: listFirewalls},
	{method: "POST", pattern: "/v2/firewalls", handle: createFirewall},
	{method: "GET", pattern: "/v2/firewalls/{id}", handle: getFirewall},
	{method: "PUT", pattern: "/v2/firewalls/{id}", handle: replaceFirewall},
	{method: "DELETE", pattern: "/v2/firewalls/{id}", handle: deleteFirewall},
	{method: "POST", pattern: "/v2/firewalls/{id}/droplets", handle: addFirewallDroplets},
	{method: "DELETE", pattern: "/v2/firewalls/{id}/droplets", handle: removeFirewallDroplets},
	{method: "POST", pattern: "/v2/firewalls/{id}/tags", handle: addFirewallTags},
	{method: "DELETE", pattern: "/v2/firewalls/{id}/tags", handle: removeFirewallTags},
	{method: "POST", pattern: "/v2/firewalls/{id}/rules", handle: addFirewallRules},
	{method: "DELETE", pattern: "/v2/firewalls/{id}/rules", handle: removeFirewallRules},
	{method: "GET", pattern: "/v2/images", handle: listImages},
	{method: "GET", pattern: "/v2/images/{image}", handle: getImage},
	{method: "GET", pattern: "/v2/regions", handle: listRegions},
	{method: "GET", pattern: "/v2/sizes", handle: listSizes},
	{method: "GET", pattern: "/v2/snapshots", handle: listSnapshots},
	{method: "GET", pattern: "/v2/snapshots/{snapshot}", handle: getSnapshot},
	{method: "DELETE", pattern: "/v2/snapshots/{snapshot}", handle: deleteSnapshot},
	{method: "GET", pattern: "/v2/tags", handle: listTags},
	{method: "POST", pattern: "/v2/tags", handle: createTag},
	{method: "GET", pattern: "/v2/tags/{tag}", handle: getTag},
	{method: "DELETE", pattern: "/v2/tags/{tag}", handle: deleteTag},
	{method: "POST", pattern: "/v2/tags/{tag}/resources", handle: tagResources},
	{method: "DELETE", pattern: "/v2/tags/{tag}/resources", handle: untagResources},
	{method: "GET", pattern: "/v2/vpcs", handle: listVPCs},
	{method: "POST", pattern: "/v2/vpcs", handle: createVPC},
	{method: "GET", pattern: "/v2/vpcs/{vpc}", handle: getVPC},
	{method: "DELETE", pattern: "/v2/vpcs/{vpc}", handle: deleteVPC},
}
