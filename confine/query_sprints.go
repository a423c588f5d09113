package confine

import (
	"context"
	"slices"
	"strconv"
)

// isSprintInside reports whether the board on which a sprint was created is of
// projects inside only. Sprints that are outside and those that do not exist take
// as many questions.
func (s *session) isSprintInside(ctx context.Context, id string) (bool, error) {
	ids, err := memo(ctx, s, "projects of sprint "+id, thingLifetime, func(ctx context.Context) ([]string, error) {
		var sprint struct {
			Board int64 `json:"originBoardId"`
		}
		if _, err := s.get(ctx, "/rest/agile/1.0/sprint/"+id, &sprint); err != nil {
			return nil, err
		}
		return s.projectsOfBoard(ctx, strconv.FormatInt(sprint.Board, 10))
	})
	if err != nil || len(ids) == 0 {
		return false, err
	}
	inside, err := s.projects(ctx)
	return !slices.ContainsFunc(ids, func(id string) bool { return !containsProject(inside, id) }), err
}

// projectsOfBoard returns the IDs of the projects to which a board belongs: that
// of its location or, where it has none, as on Data Center, those of its filter.
// It returns none for boards that do not exist or have more projects than a page.
func (s *session) projectsOfBoard(ctx context.Context, id string) ([]string, error) {
	cloud, err := s.isCloud(ctx)
	if err != nil {
		return nil, err
	}
	var board struct {
		Location struct {
			Project int64 `json:"projectId"`
		} `json:"location"`
	}
	found, err := s.get(ctx, "/rest/agile/1.0/board/"+id, &board)
	switch {
	case err != nil:
		return nil, err
	case board.Location.Project != 0:
		return []string{strconv.FormatInt(board.Location.Project, 10)}, nil
	case cloud && !found:
		return nil, nil // there, boards in projects take as many questions
	}
	var page struct {
		IsLast bool      `json:"isLast"`
		Values []project `json:"values"`
	}
	if _, err := s.get(ctx, "/rest/agile/1.0/board/"+id+"/project?maxResults=50", &page); err != nil || !page.IsLast {
		return nil, err
	}
	ids := make([]string, len(page.Values))
	for i, p := range page.Values {
		ids[i] = p.ID
	}
	return ids, nil
}
