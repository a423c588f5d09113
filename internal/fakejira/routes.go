package fakejira

import (
	"net/http"
	"slices"
	"strings"
)

// Operation is one operation that the stand-in serves.
type Operation struct {
	// Method and Template are written as in Atlassian's descriptions: {…} stands
	// for one segment, and platform operations are listed under /rest/api/2
	// although /rest/api/latest and, on Cloud, /rest/api/3 serve them too.
	Method, Template string
	// Cloud and DataCenter say which products serve it.
	Cloud, DataCenter bool
}

// operation is an Operation and its implementation.
type operation struct {
	Operation
	// json returns JSON, with the site's lock held.
	json func(*call) (reply, error)
	// stream writes the response itself, without the lock.
	stream func(*call) error
	// writes is set if the operation changes the site.
	writes bool
	// public operations need no credentials at all.
	public bool
	// anonymous operations are open to anonymous callers, who see next to
	// nothing, if Faults.AnonymousFallback admits them.
	anonymous bool
	// oldSearch marks operations that Faults.SearchRemoved removes.
	oldSearch bool
}

// platform is the prefix of the platform's operations.
const platform = "/rest/api/2"

// Operations returns the operations that the server's dress serves.
func (s *Server) Operations() []Operation {
	var list []Operation
	for _, op := range s.routes.all {
		list = append(list, op.Operation)
	}
	return list
}

// routes finds the operation of a request.
type routes struct {
	all []*operation
	// bySize holds the templates by number of segments, those with more literals first.
	bySize map[int][]route
}

// route is a template of an operation.
type route struct {
	segments []string
	op       *operation
	version  int
}

// newRoutes returns the routes for a dress.
func newRoutes(options Options) *routes {
	t := &routes{bySize: map[int][]route{}}
	for _, op := range operations(options) {
		if options.Dress == Cloud && !op.Cloud || options.Dress == DataCenter && !op.DataCenter {
			continue
		}
		t.all = append(t.all, op)
		rest, versioned := strings.CutPrefix(op.Template, platform+"/")
		if !versioned {
			t.add(op.Template, op, 2)
			continue
		}
		t.add("/rest/api/2/"+rest, op, 2)
		// Atlassian does not document what "latest" means on Cloud; clients that
		// use it expect version 2.
		t.add("/rest/api/latest/"+rest, op, 2)
		if options.Dress == Cloud {
			t.add("/rest/api/3/"+rest, op, 3)
		}
	}
	for _, list := range t.bySize {
		slices.SortStableFunc(list, func(a, b route) int {
			for i := range a.segments {
				pa, pb := isParameter(a.segments[i]), isParameter(b.segments[i])
				if pa != pb {
					if pa {
						return 1
					}
					return -1
				}
			}
			return 0
		})
	}
	return t
}

// add adds a template.
func (t *routes) add(template string, op *operation, version int) {
	segments := strings.Split(strings.TrimPrefix(template, "/"), "/")
	t.bySize[len(segments)] = append(t.bySize[len(segments)], route{segments, op, version})
}

// isParameter reports whether a template's segment stands for any segment.
func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

// match finds the operation for a method and path. If there is none, it returns the
// methods that the path allows, if any.
func (t *routes) match(method string, path []string) (op *operation, params []string, version int, allowed []string) {
	for _, candidate := range t.bySize[len(path)] {
		values, fits := candidate.fit(path)
		if !fits {
			continue
		}
		if m := candidate.op.Method; m == method || m == http.MethodGet && method == http.MethodHead {
			return candidate.op, values, candidate.version, nil
		}
		if !slices.Contains(allowed, candidate.op.Method) {
			allowed = append(allowed, candidate.op.Method)
			if candidate.op.Method == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	if allowed != nil {
		allowed = append(allowed, http.MethodOptions)
	}
	return nil, nil, 0, allowed
}

// fit matches a path against the route's template.
func (r route) fit(path []string) (params []string, fits bool) {
	for i, segment := range r.segments {
		switch {
		case isParameter(segment):
			params = append(params, path[i])
		case segment != path[i]:
			return nil, false
		}
	}
	return params, true
}
