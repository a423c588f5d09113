package token

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]Limit{
		"600/m burst 50":    {600, time.Minute, 50},
		"10/s":              {10, time.Second, 10},
		" 5/h  burst  1 ":   {5, time.Hour, 1},
		"1000000/d":         {1_000_000, 24 * time.Hour, 1_000_000},
		"off":               Unlimited,
		"600/m burst 60000": {600, time.Minute, 60_000},
	} {
		got, err := ParseLimit(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
		again, err := ParseLimit(got.String())
		if err != nil || again != want {
			t.Errorf("%q is formatted as %q and parsed as %+v, %v", text, got, again, err)
		}
		if err := got.check(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"", "600", "600/", "/m", "600/min", "0/m", "-1/m", "600/m burst", "600/m burst 0", "600/m burst x",
		"600/m 50", "600/m burst 50 more", "1000001/s", "6e2/m", "off off", "OFF", "600 /m",
	} {
		if got, err := ParseLimit(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %+v, %v, want a one-line error", text, got, err)
		}
	}
}

func TestLimitInJSON(t *testing.T) {
	for _, want := range []Limit{{}, Unlimited, {600, time.Minute, 50}} {
		text, err := json.Marshal(Record{Scope: ScopeRead, Limit: want})
		if err != nil {
			t.Fatal(err)
		}
		var got Record
		if err := json.Unmarshal(text, &got); err != nil || got.Limit != want {
			t.Errorf("%+v is encoded as %s and decoded as %+v, %v", want, text, got.Limit, err)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	f.Add("600/m burst 50")
	f.Add("off")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLimit(text)
		if err != nil {
			return
		}
		if again, err := ParseLimit(l.String()); err != nil || again != l {
			t.Errorf("%q: %+v is formatted as %q and parsed as %+v, %v", text, l, l, again, err)
		}
	})
}
