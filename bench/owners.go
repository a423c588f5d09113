package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// owners measures what other requests notice while one gateway asks Jira about all owners
// of tokens for the first time: every answer is new, so each is stored, and learned.
// Gateways with the same tokens that ask nobody are measured in the same rounds.
func owners(l *lab, o *options) error {
	directory, err := startDirectory(o.owners)
	if err != nil {
		return err
	}
	defer directory.Close()
	upstream, err := l.startUpstream()
	if err != nil {
		return err
	}
	filled, file, err := l.fillForOwners(o.owners)
	if err != nil {
		return err
	}
	c := &comparison{o: o}
	for _, v := range []struct {
		variant
		options string
	}{
		{variant{name: "quiet", what: "`jira_gateway` that asks nobody"}, ""},
		{variant{name: "control", what: "the same again (A/A)"}, ""},
		{variant{name: "refreshing", what: "`jira_gateway` during a refresh"}, "\t\tgroups_from jira {\n\t\t\taccount asker\n\t\t}\n"},
	} {
		node, err := l.startForOwners(v.name, file, upstream, directory.URL(), v.options)
		if err != nil {
			return err
		}
		s := &series{running: &running{variant: v.variant, caddy: node, target: target{node.address, filled.request(0, node.address), node.process}}}
		c.results = append(c.results, s)
	}
	return l.measureOwners(c, directory)
}

// startDirectory starts a Jira with as many users, each in a few groups.
func startDirectory(users int) (*fakejira.Server, error) {
	directory := fakejira.New(fakejira.Options{Dress: fakejira.DataCenter})
	if _, err := directory.Start(); err != nil {
		return nil, err
	}
	for i := range users {
		directory.SetUser(ownerOf(i*tokensPerOwner), true, "jira-software-users", fmt.Sprint("team-", i%100), fmt.Sprint("office-", i%10))
	}
	return directory, nil
}

// fillForOwners fills a file store with the tokens of as many owners.
func (l *lab) fillForOwners(owners int) (*population, string, error) {
	path := filepath.Join(l.dir, "owners.db")
	store, err := bigFile(path).open(l.ctx)
	if err != nil {
		return nil, "", err
	}
	filled := &population{keep: 1}
	l.say("storing %d tokens of %d owners", owners*tokensPerOwner, owners)
	err = filled.grow(l.ctx, store, owners*tokensPerOwner)
	return filled, path, errors.Join(err, store.Close())
}

// startForOwners starts a gateway with its own copy of a store.
func (l *lab) startForOwners(name, file, upstream, directory, options string) (*caddy, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	own := filepath.Join(l.dir, name+".db")
	if err := os.WriteFile(own, data, 0o600); err != nil { //nolint:gosec // G703: the path is in the lab's own directory
		return nil, err
	}
	address, err := l.freeAddress()
	if err != nil {
		return nil, err
	}
	return l.startCaddy(caddyOptions{
		name: name,
		global: "\tjira_tokens {\n\t\tstore file " + own + "\n\t\taccount default {\n\t\t\tbasic svc-bi@example.com bench-secret\n\t\t}\n" +
			"\t\taccount asker {\n\t\t\tbasic " + fakejira.DefaultUser + " " + fakejira.DefaultSecret + "\n\t\t}\n" + options +
			"\t\tpolicy {\n\t\t\teveryone {\n\t\t\t\tscopes read\n\t\t\t}\n\t\t}\n\t}\n",
		site: "\tjira_gateway " + upstream + " {\n\t\taccounts default\n\t}\n}\n\nhttp://" + address + " {\n\tjira_gateway " + directory + " {\n\t\taccounts asker\n\t}\n",
	})
}

// measureOwners loads the gateways in turn, as compare does, while one of them asks.
func (l *lab) measureOwners(c *comparison, directory *fakejira.Server) error {
	directory.Take()
	if err := l.closedRounds(c); err != nil {
		return err
	}
	if err := l.openRounds(c); err != nil {
		return err
	}
	asked := len(directory.Take())
	if asked >= c.o.owners {
		return fmt.Errorf("the refresh ended before the measurement: use fewer -rounds, or more -owners")
	}
	fmt.Fprintf(l.out, "## A refresh of %d owners\n\n%s\n\n%d rounds of %s each, during which Jira was asked about %d owners. Values are medians; ratios have their quartiles in parentheses.\n\n",
		c.o.owners, machine(), c.o.rounds, c.o.duration, asked)
	for _, loop := range []struct {
		title string
		of    func(*series) []*measurement
	}{
		{fmt.Sprintf("Closed loop, %d connections", connections), func(s *series) []*measurement { return s.closed }},
		{fmt.Sprintf("Open loop, %.0f requests per second", c.rate), func(s *series) []*measurement { return s.open }},
	} {
		reportAbsolute(l.out, loop.title, c.results, loop.of)
		reportRatios(l.out, c.results[0], c.results, loop.of)
	}
	return nil
}
