// A program around hudl/fargo: a line of JSON in, a line of JSON out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hudl/fargo"
)

type settings struct {
	URLs []string `json:"urls"`
	App  string   `json:"app"`
	ID   string   `json:"id"`
	JSON bool     `json:"json"`
}

type question struct {
	Do    string `json:"do"`
	App   string `json:"app"`
	Vip   string `json:"vip"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

func main() {
	var given settings
	if err := json.Unmarshal([]byte(os.Args[len(os.Args)-1]), &given); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	connection := fargo.NewConn(given.URLs...)
	connection.UseJson = given.JSON
	own := &fargo.Instance{
		InstanceId: given.ID, HostName: given.ID, App: given.App, IPAddr: "10.1.2.3",
		VipAddress: given.App + ".vip", Port: 9090, PortEnabled: true, Status: fargo.UP,
		UniqueID:       func(instance fargo.Instance) string { return instance.InstanceId },
		DataCenterInfo: fargo.DataCenterInfo{Name: fargo.MyOwn},
		LeaseInfo:      fargo.LeaseInfo{RenewalIntervalInSecs: 1, DurationInSecs: 3},
	}
	say("started")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if asked.Do == "stop" {
			say("stopped")
			return
		}
		answer, err := do(&connection, own, asked)
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		say(answer)
	}
}

func do(connection *fargo.EurekaConnection, own *fargo.Instance, asked question) (any, error) {
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
		return nil, fmt.Errorf("nobody knows how to %q", asked.Do)
	}
}

func statuses(instances []*fargo.Instance) map[string]string {
	all := map[string]string{}
	for _, each := range instances {
		all[each.InstanceId] = string(each.Status)
	}
	return all
}

func say(answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(string(text))
}
