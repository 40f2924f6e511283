// A program around Prometheus' discovery/eureka: a line of JSON in, a line of JSON out.
package main

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"eurekube.io/conformance/lines"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/eureka"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v2"
)

type settings struct {
	Config string `json:"config"`
}

// shown keeps what the discovery sent last.
type shown struct {
	lock    sync.Mutex
	targets []model.LabelSet
}

func main() {
	var given settings
	lines.Settings(&given)
	updates, err := discover(given.Config)
	if err != nil {
		lines.Fail(err)
	}
	var last shown
	go last.follow(updates)
	lines.Answer(func(question lines.Question) (any, error) {
		if question.Do != "targets" {
			return nil, lines.Unknown(question)
		}
		return last.read(), nil
	})
}

// discover runs what a block of eureka_sd_configs says, as Prometheus does.
func discover(text string) (<-chan []*targetgroup.Group, error) {
	var config eureka.SDConfig
	if err := yaml.UnmarshalStrict([]byte(text), &config); err != nil {
		return nil, err
	}
	refreshes := discovery.NewRefreshMetrics(prometheus.NewRegistry())
	if err := refreshes.Register(); err != nil {
		return nil, err
	}
	discoverer, err := config.NewDiscoverer(discovery.DiscovererOptions{
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Metrics: config.NewDiscovererMetrics(nil, refreshes),
		SetName: "conformance",
	})
	if err != nil {
		return nil, err
	}
	updates := make(chan []*targetgroup.Group)
	go discoverer.Run(context.Background(), updates)
	return updates, nil
}

func (last *shown) follow(updates <-chan []*targetgroup.Group) {
	for groups := range updates {
		targets := []model.LabelSet{}
		for _, group := range groups {
			targets = append(targets, group.Targets...)
		}
		last.lock.Lock()
		last.targets = targets
		last.lock.Unlock()
	}
}

func (last *shown) read() []model.LabelSet {
	last.lock.Lock()
	defer last.lock.Unlock()
	return last.targets
}
