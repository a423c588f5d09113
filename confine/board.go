package confine

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// maxBoardPages bounds the pages of projects that are read of one board.
const maxBoardPages = 10

// boardInside reports whether a board is inside: its project is, or, where a board
// has none of its own, as on Data Center, all projects whose issues it shows are.
func (s *session) boardInside(ctx context.Context, id string) (bool, error) {
	projects, err := current(ctx, s, "board "+id, thingLifetime, func(ctx context.Context) ([]string, error) {
		return s.boardProjects(ctx, id)
	})
	if err != nil || len(projects) == 0 {
		return false, err
	}
	inside, err := s.projects(ctx)
	if err != nil {
		return false, err
	}
	for _, project := range projects {
		if !containsProject(inside, project) {
			return false, nil
		}
	}
	return true, nil
}

// boardProjects returns the IDs of the projects that a board belongs to; none if
// there is no such board, or nothing says what it belongs to.
func (s *session) boardProjects(ctx context.Context, id string) ([]string, error) {
	uri := "/rest/agile/1.0/board/" + id
	var board struct {
		Location struct {
			ProjectID jsontext.Value `json:"projectId"`
		} `json:"location"`
	}
	found, err := s.get(ctx, uri, &board)
	if err != nil || !found {
		return nil, err
	}
	if project := trimmed(board.Location.ProjectID); isNumber(project) {
		return []string{project}, nil
	}
	var ids []string
	for range maxBoardPages {
		var page struct {
			Values []project `json:"values"`
			IsLast *bool     `json:"isLast"`
		}
		if found, err := s.get(ctx, fmt.Sprintf("%s/project?startAt=%d", uri, len(ids)), &page); err != nil || !found {
			return nil, err
		}
		for _, p := range page.Values {
			ids = append(ids, p.ID)
		}
		if len(page.Values) == 0 || page.IsLast != nil && *page.IsLast {
			return ids, nil
		}
	}
	return nil, nil
}

// sprintInside reports whether the board is inside on which a sprint was created.
func (s *session) sprintInside(ctx context.Context, id string) (bool, error) {
	uri := "/rest/agile/1.0/sprint/" + id
	board, err := current(ctx, s, uri, thingLifetime, func(ctx context.Context) (string, error) {
		var sprint struct {
			OriginBoardID jsontext.Value `json:"originBoardId"`
		}
		_, err := s.get(ctx, uri, &sprint)
		return trimmed(sprint.OriginBoardID), err
	})
	if err != nil || !isNumber(board) {
		return false, err
	}
	return s.boardInside(ctx, board)
}
