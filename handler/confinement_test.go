package handler

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestGatewayConfinement(t *testing.T) {
	var none *Confinement
	if !none.confinement().IsZero() || none.ttl() != 10*time.Second || none.validate() != nil {
		t.Errorf("without the option: %+v, %s, %v", none.confinement(), none.ttl(), none.validate())
	}
	c := &Confinement{Projects: []string{"acme"}, JQL: "labels = partner", Hide: []string{token.HideInternalComments}, TTL: caddy.Duration(time.Second)}
	if got := c.confinement().String(); got != "project ACME; issues that match labels = partner; hidden: internal-comments" {
		t.Error(got)
	}
	if c.ttl() != time.Second || c.validate() != nil {
		t.Errorf("%s, %v", c.ttl(), c.validate())
	}
	for want, c := range map[string]*Confinement{
		`confine: projects: "A B"`: {Projects: []string{"A B"}},
		"confine: JQL: ":           {JQL: "a = 1) OR (b = 2"},
		"confine: jql: ":           {JQL: "a = \x1b"},
		"confine: hide: ":          {Hide: []string{""}},
		"confine: ttl: ":           {TTL: -1},
	} {
		if err := c.validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s…", err, want)
		}
	}
}

// TestUnconfinedCostsNothing keeps the step off the path of all other requests.
func TestUnconfinedCostsNothing(t *testing.T) {
	h := new(Handler)
	r := httptest.NewRequest(http.MethodGet, "/rest/api/2/myself", nil)
	d := &Decision{Record: new(token.Record)}
	if n := testing.AllocsPerRun(100, func() { h.confine(r, d) }); n > 0 || d.confined != nil {
		t.Errorf("%v allocations, confined %v", n, d.confined)
	}
}

// TestSmallConfinedAnswersKeepALength: what passes of a small response need not be
// chunked, however Jira sends it.
func TestSmallConfinedAnswersKeepALength(t *testing.T) {
	g := newConfinedGate(t, token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}}})
	body := `{"self":"https://jira.test/rest/api/2/issue/10001","more":"` + strings.Repeat("x", 4000) + `","fields":{"project":{"id":"10000","key":"ABC"}}}`
	g.answer = func(r *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Path, "/ABC-1") || r.URL.RawQuery != "" {
			return g.jira.RoundTrip(r) // one of the gateway's questions
		}
		response := answerOf(http.StatusOK, body, "Content-Type", "application/json")
		response.Body, response.ContentLength = io.NopCloser(iotest.HalfReader(strings.NewReader(body))), -1
		return response, nil
	}
	response := g.send("GET", "http://gateway.example/rest/api/2/issue/ABC-1", nil)
	got, err := io.ReadAll(response.Body)
	want := `{"self":"http://gateway.example/rest/api/2/issue/10001","fields":{"project":{"id":"10000","key":"ABC"}}}`
	if err != nil || string(got) != want || response.Header.Get("Content-Length") != strconv.Itoa(len(want)) {
		t.Errorf("Content-Length %q, %v, %s", response.Header.Get("Content-Length"), err, got)
	}
}
