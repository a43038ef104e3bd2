// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package boot gives the droplets of the simulator something to run: the agent, as a process of this machine, from the
// user data that its droplet was made with.
//
// It is the machine, its disk, cloud-init and systemd as far as the agent notices them: a disk outlives the power and
// is copied by snapshots; files of the user data are written once for each instance; every boot has an id of its own,
// and what is in memory is gone after it; an agent that ends is started again. It is not the network, and nothing is
// installed: runcmd is not run. No process outlives the simulator, however that ends. It is for Linux.
package boot
