package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// checkConfigMain looks at what K3s's check-config looks at and a test host can differ in: cgroups, iptables, swap and
// routes. The bundled binaries and kernel flags it also checks do not exist here.
func checkConfigMain() int {
	failures := 0
	report := func(good bool, what, remedy string) {
		word := "good"
		if !good {
			word, failures = "missing ("+remedy+")", failures+1
		}
		fmt.Printf("- %s: %s\n", what, word)
	}
	fmt.Println("edgeboot test stand-in: not K3s")
	fmt.Println("\nSystem:")
	controllers, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	if err == nil {
		for _, name := range []string{"cpu", "cpuset", "memory", "pids"} {
			report(contains(strings.Fields(string(controllers)), name), "cgroup v2 controller "+name, "fail")
		}
	} else {
		report(fileExists(filepath.Join(cgroupRoot, "memory")), "cgroup v1 controller memory", "fail")
	}
	_, err = defaultRouteInterface()
	report(err == nil, "default CIDR range and route", "no default route")
	if swaps := strings.Count(firstLines("/proc/swaps"), "\n"); swaps > 1 {
		fmt.Println("- swap: should be disabled (warning)")
	} else {
		fmt.Println("- swap: disabled")
	}
	if failures == 0 {
		fmt.Println("\nSTATUS: pass")
		return 0
	}
	fmt.Printf("\nSTATUS: %d (fail)\n", failures)
	return 1
}

func firstLines(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(content)
}
