// Program storage-e2e: Kubernetes' own end-to-end tests of storage, for the CSI
// driver that --storage.testdriver describes, and none of the other tests of
// e2e.test, so that it builds in a fraction of the time.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"k8s.io/kubernetes/test/e2e/framework"
	"k8s.io/kubernetes/test/e2e/framework/config"
	"k8s.io/kubernetes/test/e2e/framework/testfiles"
	testingmanifests "k8s.io/kubernetes/test/e2e/testing-manifests"

	// Registers --storage.testdriver, which defines the tests.
	_ "k8s.io/kubernetes/test/e2e/storage/external"

	// What the framework asks to be linked: node checks and logs of failures.
	_ "k8s.io/kubernetes/test/e2e/framework/debug/init"
	_ "k8s.io/kubernetes/test/e2e/framework/metrics/init"
	_ "k8s.io/kubernetes/test/e2e/framework/node/init"
)

// result is the part of testing.T that Ginkgo needs.
type result struct{ failed bool }

func (r *result) Fail() { r.failed = true }

func main() {
	config.CopyFlags(config.Flags, flag.CommandLine)
	framework.RegisterCommonFlags(flag.CommandLine)
	framework.RegisterClusterFlags(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "storage-e2e: takes no arguments, but got %q\n", flag.Args())
		os.Exit(2)
	}
	testfiles.AddFileSource(testingmanifests.GetE2ETestingManifestsFS())
	framework.AfterReadingAllFlags(&framework.TestContext)

	gomega.RegisterFailHandler(framework.Fail)
	suite, reporter := framework.CreateGinkgoConfig()
	r := &result{}
	ginkgo.RunSpecs(r, "storage", suite, reporter)
	if r.failed {
		os.Exit(1)
	}
}
