package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// benchDirectory returns a directory with 100,000 owners in 1,000 groups, and what it
// learns. Each owner is in five groups, of which ten have rules.
func benchDirectory(b testing.TB) (*Directory, map[string]Facts) {
	b.Helper()
	config := &policy.Config{Everyone: &policy.Rule{Scopes: []string{"read"}, MaxLifetime: policy.Never, Networks: []string{"10.0.0.0/8"}}}
	for i := range 10 {
		config.Groups = append(config.Groups, policy.Rule{Group: fmt.Sprint("group-", i*100), Scopes: []string{"write"}})
	}
	rules, err := policy.New(config, policy.Surroundings{OtherGroups: true})
	if err != nil {
		b.Fatal(err)
	}
	facts := make(map[string]Facts, 100_000)
	for i := range 100_000 {
		name := fmt.Sprintf("owner%d@example.com", i)
		said := Facts{Name: name}
		for j := range 5 {
			said.Groups = append(said.Groups, fmt.Sprint("group-", (i*7+j*100)%1000))
		}
		slices.Sort(said.Groups)
		facts[name] = said
	}
	d := NewDirectory(rules, nil)
	d.Learn(facts)
	return d, facts
}

func benchRecords() []*token.Record {
	records := make([]*token.Record, 1000)
	for i := range records {
		owner := fmt.Sprintf("owner%d@example.com", i*97)
		if i%2 == 1 {
			owner = strings.ToUpper(owner[:1]) + owner[1:]
		}
		records[i] = &token.Record{Owner: owner, Scope: token.ScopeRead, Account: token.DefaultAccount}
	}
	return records
}

func BenchmarkStanding(b *testing.B) {
	d, _ := benchDirectory(b)
	records := benchRecords()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if d.Standing(records[i%len(records)]).Suspension != nil {
			b.Fatal("suspended")
		}
	}
}

func BenchmarkLearn(b *testing.B) {
	d, facts := benchDirectory(b)
	b.ReportAllocs()
	for b.Loop() {
		d.Learn(facts)
	}
}

// BenchmarkStandingWhileLearning measures decisions while another goroutine replaces what
// is known about all owners, without a pause: no decision waits for that.
func BenchmarkStandingWhileLearning(b *testing.B) {
	d, facts := benchDirectory(b)
	records := benchRecords()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				d.Learn(facts)
			}
		}
	}()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if d.Standing(records[i%len(records)]).Suspension != nil {
			b.Fatal("suspended")
		}
	}
	close(stop)
	<-done
}

// TestStandingDoesNotAllocate for owners however their names are written.
func TestStandingDoesNotAllocate(t *testing.T) {
	d, _ := benchDirectory(t)
	records := benchRecords()
	for _, record := range records[:2] {
		if n := testing.AllocsPerRun(100, func() { d.Standing(record) }); n != 0 {
			t.Errorf("%s: %v allocations", record.Owner, n)
		}
	}
}
