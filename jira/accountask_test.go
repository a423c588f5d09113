package jira_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// TestQuestionsDoNotLockTheAccount: once Jira has refused an account, a form that asks as
// somebody types sends no more failed logins, of which Data Center allows three. When the
// interval is over, one caller finds out that Jira accepts the account again.
func TestQuestionsDoNotLockTheAccount(t *testing.T) {
	var asked, refusing atomic.Int32
	refusing.Store(1)
	site := fakejira.New(fakejira.Options{Dress: fakejira.DataCenter})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if refusing.Load() != 0 {
			w.Header().Set("X-Seraph-Loginreason", "AUTHENTICATED_FAILED")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		site.ServeHTTP(w, r)
	}))
	defer server.Close()
	changes := make(chan error, 2)
	account := func(interval time.Duration) *jira.Account {
		return jira.NewAccount("bot", jira.Bearer(fakejira.DefaultBearer), jira.AccountOptions{
			ProbeInterval: interval, Changed: func(_ *jira.Account, _ string, refused error) { changes <- refused },
		})
	}
	ask := func(a *jira.Account) error {
		return a.Ask(t.Context(), http.DefaultTransport, server.URL, func(asker jira.Asker) error {
			_, _, err := asker.Ask(context.Background(), http.MethodGet, "/rest/api/2/project", nil)
			return err
		})
	}
	bot := account(time.Hour)
	for range 10 {
		if ask(bot) == nil {
			t.Fatal("a question was answered")
		}
	}
	if refused := <-changes; refused == nil {
		t.Error("the account is not paused")
	}
	if n := asked.Load(); n > 2 {
		t.Errorf("%d failed logins", n)
	}
	impatient := account(time.Nanosecond)
	_ = ask(impatient)
	<-changes // it is paused
	refusing.Store(0)
	if err := ask(impatient); err != nil || impatient.Refusal() != nil {
		t.Errorf("Jira accepts the account again: %v, %v", err, impatient.Refusal())
	}
}
