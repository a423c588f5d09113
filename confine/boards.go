package confine

import (
	"context"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// listBoards limits the list of boards to those inside. Jira lists the boards of one
// project at a time, including boards of other projects that show some of its
// issues.
func (c *call) listBoards(ctx context.Context) error {
	n, err := c.named(ctx)
	if err != nil || c.view.seesAllProjects() {
		return err
	}
	wanted := []string{c.parameters.get("projectKeyOrId")}
	if n == 0 {
		inside, err := c.projects(ctx)
		if err != nil {
			return err
		}
		wanted = nil
		for _, p := range inside {
			wanted = append(wanted, p.ID)
		}
	}
	boards, err := c.boardsOf(ctx, wanted)
	if err != nil {
		return err
	}
	return c.answerWith(boards)
}

// listedBoard is what a list says about a board; Data Center does not say where
// it is.
type listedBoard struct {
	ID       jsontext.Value `json:"id"`
	Location struct {
		ProjectID jsontext.Value `json:"projectId"`
	} `json:"location"`
}

// boardsOf returns the boards inside that show issues of the projects.
func (c *call) boardsOf(ctx context.Context, projects []string) ([]jsontext.Value, error) {
	filters := make(url.Values)
	for _, name := range []string{"name", "type"} {
		if values := c.parameters.list(name); len(values) > 0 {
			filters.Set(name, strings.Join(values, ","))
		}
	}
	var boards []jsontext.Value
	var known []listedBoard
	listed := make(map[string]bool)
	for _, project := range projects {
		filters.Set("projectKeyOrId", project)
		found, err := c.everyPage(ctx, "/rest/agile/1.0/board", filters)
		if err != nil {
			return nil, err
		}
		for _, board := range found {
			var b listedBoard
			if json.Unmarshal(board, &b) != nil {
				return nil, unanswered(errNonsense)
			}
			if id := trimmed(b.ID); !listed[id] {
				listed[id] = true
				boards, known = append(boards, board), append(known, b)
			}
		}
	}
	return c.boardsInside(ctx, boards, known)
}

// boardsInside returns those of some boards that are inside.
func (c *call) boardsInside(ctx context.Context, boards []jsontext.Value, known []listedBoard) ([]jsontext.Value, error) {
	projects, err := c.projects(ctx)
	if err != nil {
		return nil, err
	}
	inside := make([]bool, len(boards))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i, b := range known {
		if project := trimmed(b.Location.ProjectID); isNumber(project) {
			inside[i] = containsProject(projects, project)
			continue
		}
		group.Go(func() (err error) {
			inside[i], err = c.numbered(ctx, trimmed(b.ID), c.boardInside)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	kept := make([]jsontext.Value, 0, len(boards))
	for i, board := range boards {
		if inside[i] {
			kept = append(kept, board)
		}
	}
	return kept, nil
}
