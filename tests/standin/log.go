package main

import (
	"fmt"
	"os"
	"time"
)

// Lines in the form K3s logs them (logrus text on standard error), so that whoever reads a journal reads both alike.

func logLine(level, format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%q\n",
		time.Now().UTC().Format(time.RFC3339), level, fmt.Sprintf(format, args...))
}

func logInfo(format string, args ...interface{})  { logLine("info", format, args...) }
func logWarn(format string, args ...interface{})  { logLine("warning", format, args...) }
func logError(format string, args ...interface{}) { logLine("error", format, args...) }

// fatal ends the process as K3s's own fatal log line does: exit status 1.
func fatal(format string, args ...interface{}) {
	logLine("fatal", format, args...)
	os.Exit(1)
}
