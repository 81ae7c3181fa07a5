// Command k3s is edgeboot's test stand-in for the K3s multicall binary: it plays the surfaces an installer touches and
// refuses what K3s refuses. It runs no container.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// version is set by the linker: -X main.version=v1.36.2+k3s1
var version = "development"

const commit = "standin00"

const helpText = `NAME:
   k3s - Kubernetes, but small and simple (edgeboot test stand-in: not K3s)

USAGE:
   k3s [global options] command [command options]

COMMANDS:
   server        Run management server
   agent         Run node agent
   kubectl       Run kubectl
   crictl        Run crictl
   ctr           Run ctr
   token         Manage tokens
   check-config  Run config check

GLOBAL OPTIONS:
   --help, -h     show help
   --version, -v  print the version
`

func main() {
	command, args := filepath.Base(os.Args[0]), os.Args[1:]
	switch command {
	case "kubectl", "crictl", "ctr":
	default:
		if len(args) == 0 {
			fmt.Print(helpText)
			return
		}
		command, args = args[0], args[1:]
	}
	os.Exit(dispatch(command, args))
}

func dispatch(command string, args []string) int {
	switch command {
	case "--version", "-v":
		fmt.Printf("k3s version %s (%s)\ngo version %s\nedgeboot test stand-in: not K3s\n",
			version, commit, runtime.Version())
		return 0
	case "--help", "-h", "help":
		fmt.Print(helpText)
		return 0
	case "server":
		runServer(args)
		return 0
	case "agent":
		runAgent(args)
		return 0
	case "kubectl":
		return kubectlMain(args)
	case "ctr":
		return ctrMain(args)
	case "crictl":
		return crictlMain(args)
	case "token":
		return tokenMain(args)
	case "check-config":
		return checkConfigMain()
	}
	fmt.Fprintf(os.Stderr, "No help topic for '%s'\n", command)
	return 3
}
