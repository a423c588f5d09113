package confine

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// queryFunction is a function that queries of confined tokens may use.
type queryFunction struct {
	// name is the function's name as Atlassian spells it.
	name string
	// kinds are the kinds of fields that it can be compared with.
	kinds []*fieldKind
	// least and most limit the number of its arguments.
	least, most int
	// argument checks an argument and returns the one to send to Jira.
	argument func(context.Context, *querying, string) (string, error)
}

// queryFunctions are the functions that find nothing outside and whose arguments
// reveal nothing about it. Not among them: those that follow links (linkedIssues),
// show what the account did (issueHistory, updatedBy), name groups and people
// (membersOf), and those of apps.
var queryFunctions = []queryFunction{
	{name: "currentUser", kinds: []*fieldKind{&userKind, &selfKind}},
	{name: "now", kinds: []*fieldKind{&dateKind}},
	{name: "startOfDay", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "startOfWeek", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "startOfMonth", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "startOfYear", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "endOfDay", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "endOfWeek", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "endOfMonth", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "endOfYear", kinds: []*fieldKind{&dateKind}, most: 1, argument: offset},
	{name: "openSprints", kinds: []*fieldKind{&sprintKind}},
	{name: "closedSprints", kinds: []*fieldKind{&sprintKind}},
	{name: "futureSprints", kinds: []*fieldKind{&sprintKind}},
	{name: "releasedVersions", kinds: []*fieldKind{&versionKind}, most: 100, argument: projectArgument},
	{name: "unreleasedVersions", kinds: []*fieldKind{&versionKind}, most: 100, argument: projectArgument},
	{name: "latestReleasedVersion", kinds: []*fieldKind{&versionKind}, least: 1, most: 1, argument: projectArgument},
	{name: "earliestUnreleasedVersion", kinds: []*fieldKind{&versionKind}, least: 1, most: 1, argument: projectArgument},
	{name: "standardIssueTypes", kinds: []*fieldKind{&typeKind}},
	{name: "subtaskIssueTypes", kinds: []*fieldKind{&typeKind}},
	{name: "breached", kinds: []*fieldKind{&slaKind}},
	{name: "everBreached", kinds: []*fieldKind{&slaKind}},
	{name: "completed", kinds: []*fieldKind{&slaKind}},
	{name: "paused", kinds: []*fieldKind{&slaKind}},
	{name: "running", kinds: []*fieldKind{&slaKind}},
	{name: "withinCalendarHours", kinds: []*fieldKind{&slaKind}},
	{name: "elapsed", kinds: []*fieldKind{&slaKind}, least: 1, most: 1, argument: duration},
	{name: "remaining", kinds: []*fieldKind{&slaKind}, least: 1, most: 1, argument: duration},
}

// function confines a call. The name is sent as Atlassian spells it.
func (q *querying) function(ctx context.Context, f *queryField, call *jql.Function) (jql.Operand, error) {
	i := slices.IndexFunc(queryFunctions, func(known queryFunction) bool {
		return strings.EqualFold(known.name, call.Name) && slices.Contains(known.kinds, f.kind)
	})
	if i < 0 {
		return nil, badQuery("The function %s cannot be used with %s with this token.%s", quoted(call.Name+"()"), quoted(f.called), instead(call.Name))
	}
	known := &queryFunctions[i]
	if len(call.Args) < known.least || len(call.Args) > known.most {
		return nil, badQuery("%s takes %s.", known.name+"()", arguments(known.least, known.most))
	}
	confined := &jql.Function{Name: known.name}
	for _, text := range call.Args {
		argument, err := known.argument(ctx, q, text)
		if err != nil {
			return nil, err
		}
		confined.Args = append(confined.Args, argument)
	}
	return confined, nil
}

// arguments says how many arguments a function takes.
func arguments(least, most int) string {
	switch {
	case most == 0:
		return "no arguments"
	case most > 1:
		return "up to 100 projects"
	case least == 0:
		return "at most one argument"
	}
	return "one argument"
}

var (
	offsetForm      = regexp.MustCompile(`^[+-]?[0-9]{1,9}[yMwdhm]?$`)
	slaDurationForm = regexp.MustCompile(`^-?[0-9]{1,9}[wdhms]?( ?[0-9]{1,9}[wdhms])*$`)
)

// offset checks the argument of startOfDay("-1d") and its like.
func offset(_ context.Context, _ *querying, text string) (string, error) {
	if !offsetForm.MatchString(text) {
		return "", badQuery(`%s is not an offset such as "-1d".`, quoted(text))
	}
	return text, nil
}

// duration checks the argument of remaining("2h") and elapsed("2h").
func duration(_ context.Context, _ *querying, text string) (string, error) {
	if !slaDurationForm.MatchString(text) {
		return "", badQuery(`%s is not a duration such as "2h 30m".`, quoted(text))
	}
	return text, nil
}

// projectArgument checks an argument that names a project and returns its key.
func projectArgument(ctx context.Context, q *querying, text string) (string, error) {
	if q.view.seesAllProjects() {
		return text, nil
	}
	p, err := q.projectNamed(ctx, text, false)
	return p.Key, err
}
