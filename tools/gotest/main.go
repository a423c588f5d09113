// Command gotest runs go test and regularly reports progress: how much has been
// compiled and which tests are running. Its arguments are go test's, with flags
// in the form -flag=value. It prints go test's output on standard output, with
// the package summaries at the end, and progress on standard error. Its exit
// status is go test's.
//
//	gotest [-v] [-race] [flags] [packages] [-args …]
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		code = 1
	}
	stop()
	os.Exit(code)
}

// run compiles and runs the tests, and returns go test's exit status.
func run(ctx context.Context, args []string) (int, error) {
	report := newReport(os.Stdout, os.Stderr, slices.Contains(args, "-v"))
	defer report.start()()
	if err := compile(ctx, args, report); err != nil {
		return 0, err
	}
	command := goCommand(ctx, append([]string{"test", "-json"}, args...))
	command.Stderr = os.Stderr
	err := follow(command, report.event)
	report.end(err == nil)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// compile compiles everything but the test binaries themselves. Unlike go test,
// go list -v names each package as it compiles it. Compile errors are left for go
// test to report.
func compile(ctx context.Context, args []string, report *report) error {
	list := []string{"list", "-e", "-export", "-test", "-deps", "-v", "-f={{if not (or .DepOnly .ForTest)}}+{{.ImportPath}}{{end}}"}
	command := goCommand(ctx, append(list, compileArguments(args)...))
	reader, writer := io.Pipe()
	command.Stderr = writer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			report.compiled(lines.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // the rest, if a line was too long
	}()
	err := follow(command, func(line []byte) { report.listed(string(line)) })
	writer.Close()
	<-ended
	if exit := (*exec.ExitError)(nil); ctx.Err() == nil && errors.As(err, &exit) {
		return nil
	}
	return err
}

// compileArguments returns the arguments that affect compilation: build flags and
// packages.
func compileArguments(args []string) []string {
	var kept []string
	for _, arg := range args {
		if arg == "-args" {
			break
		}
		flag, _, _ := strings.Cut(arg, "=")
		if !strings.HasPrefix(arg, "-") || slices.Contains([]string{"-race", "-tags", "-gcflags"}, flag) {
			kept = append(kept, arg)
		}
	}
	return kept
}

// goCommand returns a go command that is interrupted when ctx is done.
func goCommand(ctx context.Context, args []string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // G702: its arguments are go test's
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	return command
}

// follow runs a command and calls each for each line of its output.
func follow(command *exec.Cmd, each func(line []byte)) error {
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	for reader := bufio.NewReader(output); ; {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			each(line)
		}
		if err != nil {
			break
		}
	}
	return command.Wait()
}
