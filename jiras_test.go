package jiratokens

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// TestIsCloud: what a Jira says counts, whatever its host; lines for clients of several Jiras
// must suit all.
func TestIsCloud(t *testing.T) {
	sites := make(map[fakejira.Dress]handler.Jira)
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		server := httptest.NewServer(fakejira.New(fakejira.Options{Dress: dress}))
		t.Cleanup(server.Close)
		sites[dress] = handler.Jira{URL: server.URL, Transport: http.DefaultTransport}
	}
	cloud, dataCenter := sites[fakejira.Cloud], sites[fakejira.DataCenter]
	for what, c := range map[string]struct {
		jiras []handler.Jira
		url   string
		want  bool
	}{
		"Cloud":              {[]handler.Jira{cloud}, "", true},
		"Data Center":        {[]handler.Jira{dataCenter}, "", false},
		"both":               {[]handler.Jira{cloud, dataCenter}, "", false},
		"Cloud of both":      {[]handler.Jira{dataCenter, cloud}, cloud.URL + "/", true},
		"another than these": {[]handler.Jira{cloud}, dataCenter.URL, false},
		"no Jira":            {nil, "", false},
	} {
		a := &App{jiras: c.jiras, deployments: new(jira.Deployments)}
		if got := a.IsCloud(t.Context(), c.url); got != c.want {
			t.Errorf("%s: %t", what, got)
		}
	}
}
