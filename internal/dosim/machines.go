// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"fmt"
	"net/http"
)

// Machines are what droplets run on. The simulator says what happens to each, in order and while it is locked: they
// take note and return at once, and never call back. Instances and images are ids; one that does not exist is no error.
type Machines interface {
	// Disk gives an instance a disk in place of what it had: a copy of a snapshot, and of any other image an empty one.
	Disk(instance, image int64)
	// Start switches an instance on, with the user data that its cloud-init finds.
	Start(instance int64, userData string)
	// ShutDown asks what runs to end, and switches the instance off when it has.
	ShutDown(instance int64)
	// Cut takes the power away.
	Cut(instance int64)
	// Snapshot copies the disk of an instance, to be an image until Forget.
	Snapshot(instance, image int64)
	Forget(image int64)
	// Destroy takes the power away, and wipes the disk.
	Destroy(instance int64)

	// Agents are those of the instances that are on. It is called without the lock, as is what follows.
	Agents() []Agent
	// StopAgent ends the agent of an instance that is on, until StartAgent or the next boot. Both return when it is done,
	// with ErrNoInstance for one that has no agent.
	StopAgent(instance int64) error
	StartAgent(instance int64) error
}

// Agent is the process that runs on an instance.
type Agent struct {
	// Instance is where it runs, and Name what that is called.
	Instance int64  `json:"instance"`
	Name     string `json:"name"`
	// PID is that of its process; 0 while there is none.
	PID int `json:"pid"`
	// BootID is that of the instance's present boot, and Boots how many there were.
	BootID string `json:"boot_id"`
	Boots  int    `json:"boots"`
}

// Agents are those of the instances that are on, by ascending id.
func (s *Server) Agents() []Agent {
	agents := s.machines.Agents()
	defer s.enter()()
	for i := range agents {
		if _, d, found := s.find(agents[i].Instance); found {
			agents[i].Name = d.name
		}
	}
	return agents
}

func (s *Server) adminAgents(*http.Request) (any, error) {
	return map[string]any{"agents": s.Agents()}, nil
}

// adminSwitchAgent makes an instance silent, or heard again.
func (s *Server) adminSwitchAgent(on bool) adminRoute {
	return func(r *http.Request) (any, error) {
		if on {
			return struct{}{}, s.machines.StartAgent(pathID(r))
		}
		return struct{}{}, s.machines.StopAgent(pathID(r))
	}
}

// noMachines run nothing.
type noMachines struct{}

var _ Machines = noMachines{}

func (noMachines) Disk(int64, int64)     {}
func (noMachines) Start(int64, string)   {}
func (noMachines) ShutDown(int64)        {}
func (noMachines) Cut(int64)             {}
func (noMachines) Snapshot(int64, int64) {}
func (noMachines) Forget(int64)          {}
func (noMachines) Destroy(int64)         {}
func (noMachines) Agents() []Agent       { return []Agent{} }

func (noMachines) StartAgent(id int64) error {
	return fmt.Errorf("nothing boots on instance %d: %w", id, ErrNoInstance)
}

func (m noMachines) StopAgent(id int64) error { return m.StartAgent(id) }
