package token

import (
	"encoding/json"
	"testing"
)

// TestConcurrencyInJSON checks that off, a number and unset stay distinct, and
// that a number is encoded as by versions that did not have off.
func TestConcurrencyInJSON(t *testing.T) {
	for text, test := range map[string]struct {
		want    Concurrency
		written string
	}{
		`0`:     {0, `0`},
		`""`:    {0, `0`},
		`5`:     {5, `5`},
		`"5"`:   {5, `5`},
		`10000`: {10_000, `10000`},
		`"off"`: {Unbounded, `"off"`},
	} {
		record := new(Record)
		if err := (Edit{"max_concurrent": json.RawMessage(text)}).Apply(record, editNow); record.MaxConcurrent != test.want {
			t.Errorf("%s sets %d, %v, want %d", text, record.MaxConcurrent, err, test.want)
		}
		if written, err := json.Marshal(record.MaxConcurrent); err != nil || string(written) != test.written {
			t.Errorf("%s is encoded as %s, %v, want %s", text, written, err, test.written)
		}
		stored, err := json.Marshal(Record{Scope: ScopeRead, MaxConcurrent: test.want})
		if err != nil {
			t.Fatal(err)
		}
		var got Record
		if err := json.Unmarshal(stored, &got); err != nil || got.MaxConcurrent != test.want || got.MaxConcurrent.check() != nil {
			t.Errorf("%s is stored as %s and read back as %d, %v", text, stored, got.MaxConcurrent, err)
		}
	}
}

// TestConcurrencyInConfigurations checks UnmarshalText, which rejects 0.
func TestConcurrencyInConfigurations(t *testing.T) {
	for text, want := range map[string]Concurrency{"off": Unbounded, "20": 20} {
		var got Concurrency
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "1.5", "none", "10001"} {
		var got Concurrency
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was accepted as %d", text, got)
		}
	}
}
