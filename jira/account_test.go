package jira

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// TestAccountOfOneJira checks that nothing sends a bound account's credential to
// another Jira.
func TestAccountOfOneJira(t *testing.T) {
	sent := 0
	transport := roundTrip(func(*http.Request) (*http.Response, error) {
		sent++
		return nil, errors.New("away")
	})
	for site, want := range map[string]bool{
		"https://jira.example.com": true, "https://Jira.example.com/": true,
		"https://jira.example.com/jira": false, "http://jira.example.com": false, "https://jira.example.com.evil.com": false, "": false,
	} {
		account := NewAccount("bi", Bearer("secret"), AccountOptions{Site: "https://jira.example.com"})
		sent = 0
		_, err := Myself(t.Context(), transport, site, account)
		if errors.Is(err, ErrOtherJira) == want || (sent > 0) != want || account.IsFor(site) != want {
			t.Errorf("%s: %v after %d requests", site, err, sent)
		}
	}
	if any := NewAccount("bi", Bearer("secret"), AccountOptions{}); !any.IsFor("https://jira.example.com") {
		t.Error("an account that is not bound is not for every Jira")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRefusedSince(t *testing.T) {
	account := NewAccount("bi", Bearer("secret"), AccountOptions{ProbeInterval: time.Minute})
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for i := range 3 {
		account.Refused("https://jira.example.com", errors.New("no"), began.Add(time.Duration(i)*time.Hour))
	}
	if got := account.RefusedSince(); !got.Equal(began) {
		t.Errorf("failing since %s, want %s", got, began)
	}
	account.Accepted("https://jira.example.com")
	if got := account.RefusedSince(); !got.IsZero() {
		t.Errorf("accepted, but failing since %s", got)
	}
}

// TestAnswersOfOneCredential checks that what one credential sees is not remembered for
// another account of the same name.
func TestAnswersOfOneCredential(t *testing.T) {
	keys := make(map[string]bool)
	for range 2 {
		account := NewAccount("bi", Bearer("secret"), AccountOptions{})
		keys[Asker{URL: "https://jira.example.com", Account: account}.Key()] = true
		keys[Asker{URL: "https://jira.example.com", Account: account}.Key()] = true
	}
	if len(keys) != 2 {
		t.Errorf("%d keys for two accounts", len(keys))
	}
}
