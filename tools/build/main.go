// Command build builds the Caddy described by xcaddy.json, which is an xcaddy.Builder
// in JSON. It uses xcaddy as a library, pinned in tools/go.mod, so that nothing needs
// to be installed.
//
//	build [-config xcaddy.json] [-output bin/caddy]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	config := flag.String("config", "xcaddy.json", "the `file` that describes what to build")
	output := flag.String("output", filepath.Join("bin", "caddy"), "the `program` to build")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "build: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := build(ctx, *config, *output); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		stop()
		os.Exit(1)
	}
}

// build builds output as described by config, and reports its progress.
func build(ctx context.Context, config, output string) error {
	builder, err := loadBuilder(config)
	if err != nil {
		return err
	}
	if err := setEnvironment(builder); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	fmt.Printf("build: building Caddy %s with the plugins in %s; the first build takes minutes, because it compiles all of Caddy\n",
		builder.CaddyVersion, config)
	progress := startProgress(os.Stdout)
	builder.OnStep = progress.step
	err = builder.Build(ctx, output)
	progress.stop()
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped")
	case err != nil:
		for _, line := range progress.keptLines() {
			fmt.Fprintln(os.Stderr, line)
		}
		return fmt.Errorf("%s: %w", progress.currentStep(), err)
	}
	fmt.Printf("build: %s is ready (%s)\n", output, progress.elapsed().Round(time.Second))
	return nil
}
