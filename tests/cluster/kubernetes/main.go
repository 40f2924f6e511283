// Every part of Kubernetes that a test cluster runs, in one program: `kubernetes PART ARGUMENT...`,
// or `PART ARGUMENT...` when it is called by a link with the name of the part, as on kind's nodes.
//
// One program shares the code that all of them link: it is built once and is 141 MB, not 700.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var parts = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubeletCommand(kubelet.NewKubeletCommand) },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
}

// kubeletCommand calls a constructor which takes a context since Kubernetes 1.32.
func kubeletCommand(make any) *cobra.Command {
	if with, ok := make.(func(context.Context) *cobra.Command); ok {
		return with(context.Background())
	}
	return make.(func() *cobra.Command)()
}

func main() {
	if called := filepath.Base(os.Args[0]); !known(called) {
		if len(os.Args) < 2 || !known(os.Args[1]) {
			fmt.Fprintln(os.Stderr, "kubernetes: the first argument names the part: etcd, kube-apiserver, "+
				"kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubeadm or kubectl")
			os.Exit(2)
		}
		os.Args = os.Args[1:]
	}
	os.Exit(run(filepath.Base(os.Args[0])))
}

func known(name string) bool {
	return name == "etcd" || name == "kubeadm" || parts[name] != nil
}

// run is a part with the arguments of the process; its exit code.
func run(name string) int {
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
		return 0
	case "kubeadm":
		if err := kubeadm.Run(); err != nil {
			return 1
		}
		return 0
	}
	return cli.Run(parts[name]())
}
