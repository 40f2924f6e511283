// A program around hudl/fargo: a line of JSON in, a line of JSON out.
package main

import (
	"eurekube.io/conformance/lines"
	"github.com/hudl/fargo"
)

type settings struct {
	URLs []string `json:"urls"`
	App  string   `json:"app"`
	ID   string   `json:"id"`
	JSON bool     `json:"json"`
}

func main() {
	var given settings
	lines.Settings(&given)
	connection := fargo.NewConn(given.URLs...)
	connection.UseJson = given.JSON
	own := &fargo.Instance{
		InstanceId: given.ID, HostName: given.ID, App: given.App, IPAddr: "10.1.2.3",
		VipAddress: given.App + ".vip", Port: 9090, PortEnabled: true, Status: fargo.UP,
		UniqueID:       func(instance fargo.Instance) string { return instance.InstanceId },
		DataCenterInfo: fargo.DataCenterInfo{Name: fargo.MyOwn},
		LeaseInfo:      fargo.LeaseInfo{RenewalIntervalInSecs: 1, DurationInSecs: 15},
	}
	lines.Answer(func(question lines.Question) (any, error) { return do(&connection, own, question) })
}

func do(connection *fargo.EurekaConnection, own *fargo.Instance, asked lines.Question) (any, error) {
	switch asked.Do {
	case "register":
		return "done", connection.RegisterInstance(own)
	case "renew":
		return "done", connection.HeartBeatInstance(own)
	case "deregister":
		return "done", connection.DeregisterInstance(own)
	case "override":
		return "done", connection.UpdateInstanceStatus(own, fargo.StatusType(asked.Value))
	case "describe":
		return "done", connection.AddMetadataString(own, asked.Key, asked.Value)
	case "metadata":
		return metadata(connection, own, asked.Key)
	case "apps":
		apps, err := connection.GetApps()
		all := map[string]map[string]string{}
		for name, app := range apps {
			all[name] = statuses(app.Instances)
		}
		return all, err
	case "app":
		app, err := connection.GetApp(asked.App)
		if err != nil {
			return nil, err
		}
		return statuses(app.Instances), nil
	case "vip":
		found, err := connection.GetInstancesByVIPAddress(asked.Vip, false)
		return statuses(found), err
	default:
		return nil, lines.Unknown(asked)
	}
}

// metadata is what the server says of the client's own instance.
func metadata(connection *fargo.EurekaConnection, own *fargo.Instance, key string) (any, error) {
	found, err := connection.GetInstance(own.App, own.InstanceId)
	if err != nil {
		return nil, err
	}
	return found.Metadata.GetString(key)
}

func statuses(instances []*fargo.Instance) map[string]string {
	all := map[string]string{}
	for _, each := range instances {
		all[each.InstanceId] = string(each.Status)
	}
	return all
}
