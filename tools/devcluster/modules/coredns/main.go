// CoreDNS with the plugins that the Corefile of the development cluster names.
//
// The stock main package links every plugin, with the SDKs of three clouds
// behind them: it takes several times as long to build for plugins that
// nobody here configures.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// A query passes through the plugins in this order. Other than in the stock
	// build, template comes last: it answers what is left over.
	dnsserver.Directives = []string{
		"reload", "ready", "health", "prometheus", "errors", "loadbalance",
		"cache", "kubernetes", "template",
	}
	coremain.Run()
}
