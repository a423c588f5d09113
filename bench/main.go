// Command bench measures the whole gateway from outside: Caddy processes with
// the plugin and without, in front of one stand-in for Jira, on this machine
// alone. README.md says what is measured, how, and what came out.
//
//	go run ./bench [flags] [compare] [push] [tokens] [profile]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == upstreamCommand {
		fail(serveUpstream(os.Stdout))
		return
	}
	// The processes that are started are to end with this thread, should this
	// program be killed: see package child.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	fail(err)
}

func fail(err error) {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, context.Canceled):
		err = errors.New("stopped")
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// options are what the command line says.
type options struct {
	caddy       string
	before      string
	parts       []string
	only        []string
	loops       []string
	rounds      int
	duration    time.Duration
	warmup      time.Duration
	connections int
	rate        float64
	revocations int
	tokens      int
	cached      int
	stores      []string
	profiled    []string
	keep        string
}

// part is one of the things that can be measured.
type part struct {
	name    string
	measure func(*lab, *options) error
}

func parts() []part {
	return []part{
		{"compare", compare},
		{"push", push},
		{"tokens", tokens},
		{"profile", profile},
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	lab, err := newLab(ctx, o.caddy, o.before, out)
	if err != nil {
		return err
	}
	defer lab.close()
	for _, part := range parts() {
		if !slices.Contains(o.parts, part.name) {
			continue
		}
		if err := part.measure(lab, o); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		lab.stopAll()
	}
	return nil
}

func parseOptions(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: bench [flags] [compare] [push] [tokens] [profile]   (no part: all of them)\n\n")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.caddy, "caddy", "", "`program` to measure; built from ./cmd/caddy if not given")
	flags.StringVar(&o.before, "before", "", "an earlier build of the `program`, to be measured as gateway_before")
	flags.IntVar(&o.rounds, "rounds", 15, "compare: how often every process is measured")
	flags.DurationVar(&o.duration, "duration", 1500*time.Millisecond, "compare: length of one measurement; profile: ten times that")
	flags.DurationVar(&o.warmup, "warmup", 250*time.Millisecond, "load before each measurement that does not count")
	flags.IntVar(&o.connections, "connections", 64, "connections of the closed loop")
	flags.Float64Var(&o.rate, "rate", 0, "requests per second of the open loop; a third of capacity if 0")
	flags.IntVar(&o.revocations, "revocations", 200, "push: tokens to revoke")
	flags.IntVar(&o.tokens, "tokens", 1_000_000, "tokens: the largest number of tokens in a store")
	flags.IntVar(&o.cached, "cached", 100_000, "tokens: how many are used, so that they are in memory")
	only := flags.String("only", "plain,control,tuned,basic_auth,gateway", "compare: which processes, of these, gateway_nolinks and gateway_before")
	loops := flags.String("loops", "closed,open", "compare: which loops, of these and together: the closed loop on all at once, for CPU time on a busy machine")
	stores := flags.String("stores", "file,redis", "tokens: which stores")
	profiled := flags.String("profiled", "tuned,gateway", "profile: which processes")
	flags.StringVar(&o.keep, "keep", "", "profile: `directory` that exists, to leave the profiles in")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.only, o.stores, o.profiled = strings.Split(*only, ","), strings.Split(*stores, ","), strings.Split(*profiled, ",")
	o.loops, o.parts = strings.Split(*loops, ","), flags.Args()
	return o, o.check()
}

// check fills in and looks for mistakes before anything is started.
func (o *options) check() error {
	var names []string
	for _, part := range parts() {
		names = append(names, part.name)
	}
	if len(o.parts) == 0 {
		o.parts = names
	}
	for _, name := range o.parts {
		if !slices.Contains(names, name) {
			return fmt.Errorf("part %q: want %s, after the flags", name, strings.Join(names, ", "))
		}
	}
	for _, name := range slices.Concat(o.only, o.profiled) {
		if _, err := findVariant(name); err != nil {
			return err
		}
	}
	for _, loop := range o.loops {
		if loop != "closed" && loop != "open" && loop != "together" {
			return fmt.Errorf("-loops %q: want some of closed,open,together", loop)
		}
	}
	if slices.Contains(o.loops, "open") && !slices.Contains(o.loops, "closed") && o.rate <= 0 {
		return errors.New("-loops open: its -rate comes of the closed loop, or must be given")
	}
	for _, store := range o.stores {
		if store != "file" && store != "redis" {
			return fmt.Errorf("-stores %q: want file, redis or both", store)
		}
	}
	if o.rounds < 1 || o.connections < 1 || o.revocations < 1 || o.tokens < 1000 || o.cached < 1 || o.duration <= 0 {
		return errors.New("want at least one round, connection, revocation and cached token, 1000 tokens, and a duration")
	}
	return nil
}
