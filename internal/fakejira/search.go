package fakejira

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// searchRequest holds the parameters of a search by GET or POST.
type searchRequest struct {
	JQL           string
	StartAt       int
	MaxResults    int
	Fields        []string
	Expand        []string
	NextPageToken string
}

// names is a JSON list that some clients send as one string.
type names []string

// UnmarshalJSON accepts a list of strings or a comma-separated string.
func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = listOf([]string{one})
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return err
	}
	*n = many
	return nil
}

// search parses a search from a POST body or the query string.
func (c *call) search() (searchRequest, error) {
	in := searchRequest{MaxResults: 50}
	if c.r.Method == http.MethodPost {
		var body struct {
			JQL           string `json:"jql"`
			StartAt       int    `json:"startAt"`
			MaxResults    *int   `json:"maxResults"`
			Fields        names  `json:"fields"`
			Expand        names  `json:"expand"`
			NextPageToken string `json:"nextPageToken"`
		}
		if err := c.decode(&body); err != nil {
			return in, err
		}
		in.JQL, in.StartAt, in.Fields, in.Expand, in.NextPageToken = body.JQL, body.StartAt, body.Fields, body.Expand, body.NextPageToken
		if body.MaxResults != nil {
			in.MaxResults = *body.MaxResults
		}
	} else {
		query := c.r.URL.Query()
		in.JQL, in.Fields, in.Expand, in.NextPageToken = query.Get("jql"), query["fields"], listOf(query["expand"]), query.Get("nextPageToken")
		for name, into := range map[string]*int{"startAt": &in.StartAt, "maxResults": &in.MaxResults} {
			if text := query.Get(name); text != "" {
				n, err := strconv.Atoi(text)
				if err != nil {
					return in, fail(http.StatusBadRequest, "The value '%s' of '%s' is not a number.", text, name)
				}
				*into = n
			}
		}
	}
	if in.StartAt < 0 {
		return in, fail(http.StatusBadRequest, "The value '%d' of 'startAt' must not be negative.", in.StartAt)
	}
	if in.MaxResults < 0 {
		// Old clients ask for everything with -1 and get the largest page.
		in.MaxResults = c.server.maxResults()
	}
	in.MaxResults = min(in.MaxResults, c.server.maxResults())
	return in, nil
}

// searchQuery parses a search and its JQL.
func (c *call) searchQuery() (searchRequest, *query, error) {
	in, err := c.search()
	if err != nil {
		return in, nil, err
	}
	q, err := c.parseJQL(in.JQL)
	return in, q, err
}

// find runs a query and returns one page of the matches and their total number.
// Anonymous callers find nothing.
func (c *call) find(q *query, start, limit int) (page []*issue, total int) {
	if c.who == nil {
		return nil, 0
	}
	return q.run(c, start, limit)
}

// searchOld is the search that has startAt and total.
func searchOld(c *call) (reply, error) {
	in, q, err := c.searchQuery()
	if err != nil {
		return reply{}, err
	}
	page, total := c.find(q, in.StartAt, in.MaxResults)
	out := map[string]any{
		"expand": "schema,names", "startAt": in.StartAt, "maxResults": in.MaxResults, "total": total,
		"issues": c.issueList(page, selectFields(in.Fields, selection{navigable: true}), in.Expand),
	}
	c.describe(out, in)
	return ok(out)
}

// searchNew is Cloud's search, whose pages are linked by nextPageToken.
func searchNew(c *call) (reply, error) {
	in, q, err := c.searchQuery()
	if err != nil {
		return reply{}, err
	}
	if q.unbounded() {
		return reply{}, fail(http.StatusBadRequest, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
	}
	start := 0
	if in.NextPageToken != "" {
		if start, err = readPageToken(in.NextPageToken, in.JQL); err != nil {
			return reply{}, err
		}
	}
	page, total := c.find(q, start, in.MaxResults)
	out := map[string]any{"issues": c.issueList(page, selectFields(in.Fields, selection{bare: true}), in.Expand)}
	if next := start + len(page); next < total && len(page) > 0 {
		out["nextPageToken"], out["isLast"] = pageToken(next, in.JQL), false
	} else {
		out["isLast"] = true
	}
	c.describe(out, in)
	return ok(out)
}

// issueList renders a page of issues.
func (c *call) issueList(page []*issue, wanted selection, expand []string) []any {
	var each []string
	for _, what := range expand {
		// These are rendered once for the whole page.
		if what != "names" && what != "schema" {
			each = append(each, what)
		}
	}
	list := make([]any, 0, len(page))
	for _, i := range page {
		list = append(list, c.issueJSON(i, wanted, each))
	}
	return list
}

// describe adds the fields' names and schemas to a page.
func (c *call) describe(out map[string]any, in searchRequest) {
	for _, what := range in.Expand {
		if what == "names" || what == "schema" {
			out[what] = selectFields(in.Fields, selection{navigable: true}).describe(what)
		}
	}
}

// pageToken encodes where the next page starts. It is valid only for this query.
func pageToken(start int, jql string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%s", start, jqlDigest(jql)))
}

// jqlDigest ties a page token to its query.
func jqlDigest(jql string) string {
	sum := sha256.Sum256([]byte(jql))
	return hex.EncodeToString(sum[:8])
}

// readPageToken decodes a page token and rejects those of other queries.
func readPageToken(token, jql string) (int, error) {
	decoded, err := base64.RawURLEncoding.DecodeString(token)
	position, digest, _ := strings.Cut(string(decoded), ":")
	start, parseErr := strconv.Atoi(position)
	if err != nil || parseErr != nil || start < 0 || digest != jqlDigest(jql) {
		return 0, fail(http.StatusBadRequest, "The nextPageToken is invalid or belongs to another query.")
	}
	return start, nil
}

// searchCount counts the issues that match a query.
func searchCount(c *call) (reply, error) {
	_, q, err := c.searchQuery()
	if err != nil {
		return reply{}, err
	}
	_, total := c.find(q, 0, 0)
	return ok(map[string]any{"count": total})
}

// jqlMatch reports which of the given issues match each of the given queries.
func jqlMatch(c *call) (reply, error) {
	var in struct {
		IssueIDs []int    `json:"issueIds"`
		JQLs     []string `json:"jqls"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	matches := []any{}
	for _, jql := range in.JQLs {
		found, problems := []int{}, []string{}
		q, err := c.parseJQL(jql)
		if err != nil {
			problems = append(problems, err.(*failure).messages...)
		}
		for _, id := range in.IssueIDs {
			if i, missing := c.issueNamed(strconv.Itoa(id)); err == nil && missing == nil && q.matches(i) {
				found = append(found, id)
			}
		}
		matches = append(matches, map[string]any{"matchedIssues": found, "errors": problems})
	}
	return ok(map[string]any{"matches": matches})
}

// jqlParse reports what is wrong with each of the given queries. Unlike Jira, it
// does not return the structure of valid ones.
func jqlParse(c *call) (reply, error) {
	var in struct {
		Queries []string `json:"queries"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	parsed := []any{}
	for _, jql := range in.Queries {
		result := map[string]any{"query": jql}
		if _, err := c.parseJQL(jql); err != nil {
			result["errors"] = err.(*failure).messages
		}
		parsed = append(parsed, result)
	}
	return ok(map[string]any{"queries": parsed})
}
