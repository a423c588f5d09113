// Command quickstart shows the gateway at work: it builds Caddy with the
// plugin, starts it on loopback in front of a stand-in for Jira or a Jira of
// yours, creates two tokens, and prints what to paste. `make run` runs it.
//
// The environment says what else than the stand-in and a file:
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
	// Caddy is to end with this thread: see package child.
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

// run does it all, until ctx is done. Everything that it started has ended
// when it returns.
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
		return gateway.death()
	}
}

// unlessStopped is the error, unless it only tells that the user has had
// enough.
func unlessStopped(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}
