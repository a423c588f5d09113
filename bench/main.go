// Command bench measures whole gateways from outside: Caddy processes with and
// without the plugin, in front of a stand-in for Jira, all on this machine.
// README.md describes the method and the results.
//
//	go run ./bench [flags] [compare] [push] [tokens] [owners] [hidden] [profile]
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
	// Child processes die with this thread if the program is killed: see package
	// child.
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

// How every process is loaded.
const (
	connections = 64
	warmup      = 250 * time.Millisecond
)

// options are the settings from the command line.
type options struct {
	caddy       string
	before      string
	parts       []string
	only        []string
	loops       []string
	rounds      int
	duration    time.Duration
	revocations int
	tokens      int
	owners      int
	trials      int
	cached      int
	stores      []string
	profiled    []string
	keep        string
}

// part is one set of measurements.
type part struct {
	name    string
	measure func(*lab, *options) error
}

func parts() []part {
	return []part{
		{"compare", compare},
		{"push", push},
		{"tokens", tokens},
		{"owners", owners},
		{"hidden", hidden},
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
		fmt.Fprint(flags.Output(), "usage: bench [flags] [compare] [push] [tokens] [owners] [hidden] [profile]   (default: all six)\n\n")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.caddy, "caddy", "", "`program` to measure (default: built from ./cmd/caddy)")
	flags.StringVar(&o.before, "before", "", "an earlier build of the `program`, measured as gateway_before")
	flags.IntVar(&o.rounds, "rounds", 15, "compare, owners: number of measurements per process")
	flags.DurationVar(&o.duration, "duration", 1500*time.Millisecond, "compare, owners: length of one measurement; profile runs ten times as long")
	flags.IntVar(&o.revocations, "revocations", 200, "push: number of tokens to revoke")
	flags.IntVar(&o.tokens, "tokens", 1_000_000, "tokens: largest number of tokens in a store")
	flags.IntVar(&o.owners, "owners", 10_000, "owners: number of owners that Jira is asked about")
	flags.IntVar(&o.trials, "trials", 10_000, "hidden: number of requests of each kind")
	flags.IntVar(&o.cached, "cached", 100_000, "tokens: number of tokens to use, and so to cache")
	only := flags.String("only", "plain,control,tuned,basic_auth,gateway", "compare: processes to measure; gateway_before is also available")
	loops := flags.String("loops", "closed,open", "compare: load to apply; \"together\" runs the closed loop on all processes at once, for CPU times on a busy machine")
	stores := flags.String("stores", "file,redis", "tokens: stores to measure")
	profiled := flags.String("profiled", "tuned,gateway", "profile: processes to profile")
	flags.StringVar(&o.keep, "keep", "", "profile: existing `directory` to save the profiles in")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.only, o.stores, o.profiled = strings.Split(*only, ","), strings.Split(*stores, ","), strings.Split(*profiled, ",")
	o.loops, o.parts = strings.Split(*loops, ","), flags.Args()
	return o, o.check()
}

// check sets defaults and rejects invalid options before anything is started.
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
			return fmt.Errorf("unknown part %q: expected %s, after the flags", name, strings.Join(names, ", "))
		}
	}
	for _, name := range slices.Concat(o.only, o.profiled) {
		if _, err := findVariant(name); err != nil {
			return err
		}
	}
	for _, loop := range o.loops {
		if loop != "closed" && loop != "open" && loop != "together" {
			return fmt.Errorf("unknown loop %q in -loops: expected closed, open or together", loop)
		}
	}
	if slices.Contains(o.loops, "open") && !slices.Contains(o.loops, "closed") {
		return errors.New("-loops open needs closed too: the closed loop determines the rate")
	}
	for _, store := range o.stores {
		if store != "file" && store != "redis" {
			return fmt.Errorf("unknown store %q in -stores: expected file or redis", store)
		}
	}
	if o.rounds < 1 || o.revocations < 1 || o.tokens < 1000 || o.owners < 1 || o.trials < 1 || o.cached < 1 || o.duration <= 0 {
		return errors.New("-rounds, -revocations, -owners, -trials, -cached and -duration must be positive, and -tokens at least 1000")
	}
	return nil
}
