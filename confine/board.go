package confine

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxBoardPages bounds the pages of a board's projects that are read.
const maxBoardPages = 10

// boardInside reports whether a board is inside: its project is, or, where a board
// has none of its own, as on Data Center, all projects whose issues it shows are.
func (s *session) boardInside(ctx context.Context, id string) (bool, error) {
	inside, err := s.allInside(ctx, "board "+id, func(ctx context.Context) ([]string, error) { return s.boardProjects(ctx, id) })
	if inside {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.boards[id] = true
	}
	return inside, err
}

// sprintInside reports whether the board on which a sprint was created is inside.
// It asks as much about a sprint that does not exist, so that timing reveals
// nothing.
func (s *session) sprintInside(ctx context.Context, id string) (bool, error) {
	uri := "/rest/agile/1.0/sprint/" + id
	return s.allInside(ctx, uri, func(ctx context.Context) ([]string, error) {
		var sprint struct {
			OriginBoardID jsontext.Value `json:"originBoardId"`
		}
		if _, err := s.get(ctx, uri, &sprint); err != nil {
			return nil, err
		}
		board := trimmed(sprint.OriginBoardID)
		if !isNumber(board) {
			board = "0"
		}
		return s.boardProjects(ctx, board)
	})
}

// allInside reports whether look finds projects and all of them are inside.
func (s *session) allInside(ctx context.Context, key string, look func(context.Context) ([]string, error)) (bool, error) {
	projects, err := current(ctx, s, key, thingLifetime, look)
	if err != nil {
		return false, err
	}
	inside, err := s.projects(ctx) // even if there are none to compare, so that timing reveals nothing
	if err != nil || len(projects) == 0 {
		return false, err
	}
	return !slices.ContainsFunc(projects, func(id string) bool { return !containsProject(inside, id) }), nil
}

// boardProjects returns the IDs of the projects that a board belongs to; none if
// there is no such board, or nothing says what it belongs to.
func (s *session) boardProjects(ctx context.Context, id string) ([]string, error) {
	cloud, err := s.isCloud(ctx)
	if err != nil {
		return nil, err
	}
	uri := "/rest/agile/1.0/board/" + id
	var board struct {
		Location struct {
			ProjectID jsontext.Value `json:"projectId"`
		} `json:"location"`
	}
	found, err := s.get(ctx, uri, &board)
	if err != nil {
		return nil, err
	}
	if project := trimmed(board.Location.ProjectID); isNumber(project) {
		return []string{project}, nil
	}
	// On Data Center a board that does not exist takes as many questions as one
	// that does.
	if cloud && !found {
		return nil, nil
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
