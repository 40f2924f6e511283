// A program around go-kit's sd/eureka: a line of JSON in, a line of JSON out.
package main

import (
	"sync"

	"eurekube.io/conformance/lines"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/eureka"
	"github.com/go-kit/log"
	"github.com/hudl/fargo"
	"os"
	"time"
)

type settings struct {
	URLs   []string `json:"urls"`
	App    string   `json:"app"`
	ID     string   `json:"id"`
	Follow string   `json:"follow"`
}

// seen keeps what the instancer said last of the application it follows.
type seen struct {
	lock  sync.Mutex
	event sd.Event
}

func main() {
	var given settings
	lines.Settings(&given)
	connection := fargo.NewConn(given.URLs...)
	connection.PollInterval = 300 * time.Millisecond
	own := &fargo.Instance{
		InstanceId: given.ID, HostName: "127.0.0.1", App: given.App, IPAddr: "127.0.0.1",
		VipAddress: given.App + ".vip", Port: 9090, PortEnabled: true, Status: fargo.UP,
		UniqueID:       func(instance fargo.Instance) string { return instance.InstanceId },
		DataCenterInfo: fargo.DataCenterInfo{Name: fargo.MyOwn},
		LeaseInfo:      fargo.LeaseInfo{RenewalIntervalInSecs: 1, DurationInSecs: 3},
	}
	logger := log.NewLogfmtLogger(log.NewSyncWriter(os.Stderr))
	registrar := eureka.NewRegistrar(&connection, own, logger)
	instancer := eureka.NewInstancer(&connection, given.Follow, logger)
	events := make(chan sd.Event)
	var last seen
	go last.follow(events)
	instancer.Register(events)
	lines.Answer(func(question lines.Question) (any, error) {
		switch question.Do {
		case "register":
			registrar.Register()
			return "done", nil
		case "deregister":
			registrar.Deregister()
			return "done", nil
		case "followed":
			return last.read()
		default:
			return nil, lines.Unknown(question)
		}
	})
}

func (last *seen) follow(events <-chan sd.Event) {
	for event := range events {
		last.lock.Lock()
		last.event = event
		last.lock.Unlock()
	}
}

func (last *seen) read() ([]string, error) {
	last.lock.Lock()
	defer last.lock.Unlock()
	return last.event.Instances, last.event.Err
}
