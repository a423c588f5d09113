package confine

import "strings"

// harmless are the parameters that only select from what an operation shows anyway,
// or say how to show it. Every operation that can be confined accepts them.
// Parameters that name a project, an issue or a query are not harmless; the table
// of operations lists them.
const harmless = " accountId accountType adjustEstimate avatarId avatarType categoryId deleteSubtasks description done excludeInactive " +
	"excludeProjects expand fieldIds fields fieldsByKeys globalId groupId height id includeArchived includeCount " +
	"includeInactive includeUnavailableTransitions increaseBy internal issuetypeIds issuetypeNames keys " +
	"level limit maxResults name newEstimate nextPageToken notifyUsers orderBy permissions properties " +
	"public query recent redirect reduceBy released requestOwnership requestStatus requestTypeId " +
	"returnIssue searchQuery searchString searchTerm size skipRemoteOnlyCondition sortByOpsBarAndStatus " +
	"start startAt startedAfter startedBefore state status statusCategory transitionId type typeKey " +
	"username validateQuery width "

// lists are the parameters that may be repeated, each time with more values.
const lists = " accountId expand fieldIds fields id issuetypeIds issuetypeNames keys name permissions projectIds " +
	"projectKeys properties requestStatus serviceDeskId state status type typeKey "

// expansions are the values of expand that pass. The others return HTML, in which
// Jira writes the titles of the issues that a text mentions, or say something about
// projects and issues outside.
const expansions = " action attachment changelog comment description editmeta issueTypes key lead names participant " +
	"projectKeys projects projects.issuetypes projects.issuetypes.fields properties requestType schema serviceDesk sla status " +
	"subscription transitions transitions.fields url values "

func isHarmless(name string) bool  { return isWordOf(harmless, name) }
func isList(name string) bool      { return isWordOf(lists, name) }
func isExpansion(name string) bool { return isWordOf(expansions, name) }

func isWordOf(words, word string) bool {
	return word != "" && !strings.Contains(word, " ") && strings.Contains(words, " "+word+" ")
}

// keepExpansions returns those of the wanted expansions that pass.
func keepExpansions(wanted []string) []string {
	kept := wanted[:0:0]
	for _, name := range wanted {
		if isExpansion(name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// cutExpand removes the values of the parameter expand that do not pass.
func (p *parameters) cutExpand() {
	if !p.has("expand") {
		return
	}
	if kept := keepExpansions(p.list("expand")); len(kept) > 0 {
		p.set("expand", strings.Join(kept, ","))
	} else {
		p.set("expand")
	}
}
