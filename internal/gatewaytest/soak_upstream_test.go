package gatewaytest

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// soakPath is the prefix of the soak's request paths; the request's number follows.
const soakPath = "/rest/api/2/issue/SOAK-"

// soakJira records which requests arrived at the soak's upstream. Each is sent once, so
// each arrives at most once.
type soakJira struct {
	model *soakModel

	mu      sync.Mutex
	arrived map[int]bool
	refused map[int]bool
}

func newSoakJira(model *soakModel) *soakJira {
	return &soakJira{model: model, arrived: make(map[int]bool), refused: make(map[int]bool)}
}

// answer records an arrival and responds to it, sometimes late, so that reloads
// find requests in flight.
func (j *soakJira) answer(x *exchange) {
	n, err := strconv.Atoi(strings.TrimPrefix(x.target(), soakPath))
	if err != nil {
		j.model.fail("%s arrived at Jira, which nobody asked for", x.arrival)
	} else if fault := j.arrival(n); fault != "" {
		j.model.fail("request %d %s at Jira", n, fault)
	}
	x.readBody()
	if fault := foreign(x.arrival); fault != "" {
		j.model.fail("request %d arrived at Jira with %s: %s", n, fault, x.arrival)
	}
	if n%20 == 0 {
		time.Sleep(200 * time.Millisecond)
	}
	usual(x)
}

func (j *soakJira) arrival(n int) (fault string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.arrived[n]:
		fault = "arrived twice"
	case j.refused[n]:
		fault = "was refused and arrived all the same"
	}
	j.arrived[n] = true
	return fault
}

// refuse records that a request was denied, and reports whether it arrived.
func (j *soakJira) refuse(n int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused[n] = true
	return j.arrived[n]
}

// hasArrived reports whether a request arrived.
func (j *soakJira) hasArrived(n int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.arrived[n]
}

// foreign returns what an arrival contains of its client's credentials.
func foreign(a *arrival) string {
	if got := a.get("Authorization"); got != "Basic "+accountBasic {
		return "another Authorization than the account's"
	}
	rest := a.line + "\n" + a.body
	for _, f := range a.headers {
		if !strings.EqualFold(f.name, "Authorization") {
			rest += "\n" + f.name + ": " + f.value
		}
	}
	if secret := tokenIn(rest); secret != "" {
		return "the token " + secret
	}
	return ""
}

var (
	plainToken = regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`)
	encoded    = regexp.MustCompile(`[A-Za-z0-9+/]{60,}`)
)

// tokenIn finds a token in a text, plain or in Basic credentials.
func tokenIn(text string) string {
	if found := plainToken.FindString(text); found != "" {
		return found
	}
	for _, run := range encoded.FindAllString(text, -1) {
		plain, err := base64.RawStdEncoding.DecodeString(run[:len(run)/4*4])
		if err == nil && plainToken.Match(plain) {
			return fmt.Sprintf("in %s", run)
		}
	}
	return ""
}
