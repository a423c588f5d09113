// Command quickstart demonstrates the gateway: it builds Caddy with the plugin,
// starts it on loopback in front of a stand-in for Jira or your own Jira, creates
// two tokens, and prints commands to paste. `make run` runs it.
//
// By default it uses the stand-in and a file store. The environment overrides
// both:
//
//	JIRA=https://acme.atlassian.net  ACCOUNT=basic:me@example.com  JIRA_SECRET=…
//	JIRA=https://jira.example.com    ACCOUNT=bearer                JIRA_SECRET=…
//	REDIS=redis://127.0.0.1:6379/0
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	// Caddy dies with this thread: see package child.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	place, err := findPlace()
	if err == nil {
		err = run(ctx, place, os.Getenv, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run starts everything, waits until ctx is done, and stops everything.
func run(ctx context.Context, place *place, getenv func(string) string, out io.Writer) error {
	settings, err := readSettings(getenv)
	if err != nil {
		return err
	}
	if err := place.build(ctx, out); err != nil {
		return unlessStopped(ctx, err)
	}
	unlock, err := place.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := settings.createSecrets(ctx, place); err != nil {
		return err
	}
	standIn, err := settings.startStandIn(out)
	if err != nil {
		return err
	}
	defer standIn.stop()
	gateway, err := startGateway(ctx, place, settings, out)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer gateway.stop()
	tour, err := prepareTour(ctx, gateway)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	tour.print(out)
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nStopping.")
		return nil
	case <-gateway.ended:
		return gateway.exitError()
	}
}

// unlessStopped returns err, or nil if the user stopped the program.
func unlessStopped(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}
