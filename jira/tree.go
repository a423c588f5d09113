package jira

import "strings"

// The table is a tree of path segments. A search follows every branch that matches,
// which are few, and collects the operations that it finds.

// methodCount is the number of methods of operations; HEAD counts as GET.
const methodCount = 5

func methodIndex(method string) (int, bool) {
	switch method {
	case "GET", "HEAD":
		return 0, true
	case "POST":
		return 1, true
	case "PUT":
		return 2, true
	case "PATCH":
		return 3, true
	case "DELETE":
		return 4, true
	}
	return 0, false
}

type node struct {
	literals map[string][]edge // by folded spelling
	lengths  uint64            // bit n is set if there is a literal of n bytes
	free     *node             // for a wildcard
	version  bool              // the wildcard is an API version

	here *endpoint // operations that end here
	rest *endpoint // operations that end in ** here

	// documented means that operations from Atlassian's lists are at or below
	// this node; floor is the least access that any of them needs.
	documented bool
	floor      Access
}

// edge leads to a literal, in its original spelling.
type edge struct {
	literal string
	to      *node
}

// endpoint holds one operation per method: the strictest, or else an added read,
// which With admits only where it may replace the other. An operation for all
// methods gives way to one for a single method.
type endpoint [methodCount]*Operation

func (e *endpoint) add(op *Operation) {
	for i := range e {
		if index, _ := methodIndex(op.Method); op.Method != "*" && i != index {
			continue
		}
		if e[i] == nil || e[i].givesWayTo(op) {
			e[i] = op
		}
	}
}

// givesWayTo reports whether other takes precedence over op at the same place.
func (op *Operation) givesWayTo(other *Operation) bool {
	switch {
	case op.Source == SourceReads || other.Source == SourceReads:
		return other.Source == SourceReads
	case (op.Method == "*") != (other.Method == "*"):
		return op.Method == "*"
	}
	return other.Access > op.Access
}

func buildTree(rows []row, versioned map[string]bool) *node {
	root := &node{}
	for i := range rows {
		r := &rows[i]
		at := root
		at.lowerFloor(r)
		for depth, segment := range r.segments {
			if depth == 2 && r.segments[0] == "rest" && versioned[r.segments[1]] {
				at.version = true
			}
			at = at.child(segment)
			at.lowerFloor(r)
		}
		end := &at.here
		if r.rest {
			end = &at.rest
		}
		if *end == nil {
			*end = &endpoint{}
		}
		(*end).add(&r.Operation)
	}
	return root
}

func (n *node) lowerFloor(r *row) {
	if !r.documented {
		return
	}
	if !n.documented || r.Access < n.floor {
		n.floor = r.Access
	}
	n.documented = true
}

// child returns the node for a segment, "" for a wildcard, and creates it if
// necessary.
func (n *node) child(segment string) *node {
	if segment == "" {
		if n.free == nil {
			n.free = &node{}
		}
		return n.free
	}
	key := strings.ToLower(segment)
	for _, e := range n.literals[key] {
		if e.literal == segment {
			return e.to
		}
	}
	if n.literals == nil {
		n.literals = make(map[string][]edge)
	}
	n.lengths |= 1 << len(segment)
	to := &node{}
	n.literals[key] = append(n.literals[key], edge{segment, to})
	return to
}

// search is one walk down the tree.
type search struct {
	path string
	fold bool // ignore case in literals

	// found holds the matching ends, in a fixed array so that a search only needs
	// the stack. A path matches at most four in the built-in table.
	found       [maxHits]hit
	count       int
	crowded     bool // there were more
	foldMatters bool // some literal differed in case only
	oddVersion  bool // the version does not look like one

	// documentedDepth is the depth of the deepest documented nodes reached; floor
	// is the highest floor among them.
	documentedDepth int
	floor           Access
}

const maxHits = 12

func (s *search) hits() []hit { return s.found[:s.count] }

func (s *search) add(end *endpoint, mask uint32) {
	if s.count == len(s.found) {
		s.crowded = true
		return
	}
	s.found[s.count] = hit{end, mask}
	s.count++
}

// hit is an end that matches the path. Each bit in mask stands for a segment that
// matched a literal: the more, the more specific.
type hit struct {
	end  *endpoint
	mask uint32
}

// visit continues from n, at depth, which the first `at` bytes of the path lead to.
func (s *search) visit(n *node, at, depth int, mask uint32) {
	if n.documented {
		if depth > s.documentedDepth {
			s.documentedDepth, s.floor = depth, n.floor
		} else if depth == s.documentedDepth {
			s.floor = max(s.floor, n.floor)
		}
	}
	if n.rest != nil {
		s.add(n.rest, mask)
	}
	if at >= len(s.path) {
		if n.here != nil {
			s.add(n.here, mask)
		}
		return
	}
	at++ // the slash
	end := strings.IndexByte(s.path[at:], '/')
	if end < 0 {
		end = len(s.path)
	} else {
		end += at
	}
	segment := s.path[at:end]
	for _, e := range n.lookup(segment) {
		if s.fold || e.literal == segment {
			s.visit(e.to, end, depth+1, mask|1<<depth)
		}
		if e.literal != segment {
			s.foldMatters = true
		}
	}
	if n.free != nil {
		if n.version && !isVersion(segment) {
			s.oddVersion = true
		}
		s.visit(n.free, end, depth+1, mask)
	}
}

// lookup returns the literals that segment matches, ignoring case.
func (n *node) lookup(segment string) []edge {
	// Most segments, such as issue keys, do not have the length of a literal and
	// need no folding. Percent-encoded ones get shorter.
	if n.lengths>>len(segment)&1 == 0 && strings.IndexByte(segment, '%') < 0 {
		return nil
	}
	var space [longestLiteral]byte
	folded, ok := foldSegment(space[:0], segment)
	if !ok {
		return nil
	}
	return n.literals[string(folded)]
}

// longestLiteral is longer than any literal, each of whose lengths is a bit of
// node.lengths.
const longestLiteral = 64

// judge searches the path and returns the access that the method needs there.
func (s *search) judge(root *node, method string) (Access, Match) {
	s.visit(root, 0, 0, 0)
	if s.crowded {
		return AccessNever, crowded
	}
	// Depth 1 is /rest itself, where other apps' APIs are too.
	own := s.documentedDepth >= 2
	if method == "OPTIONS" {
		return s.judgeOptions(own)
	}
	index, _ := methodIndex(method)
	access, match := AccessByMethod(method), byMethod
	from, spelled := 0, uint32(0) // the arguments of namesPrivate
	if h, ok := s.decisive(index); ok {
		decisive := h.end[index]
		access, match = decisive.Access, decisive.match(s.path)
		if s.oddVersion && access < AccessAdmin && index != 0 {
			access, match = AccessAdmin, undocumented
		}
		if from = decisive.fixed; decisive.Source == SourceReads {
			from, spelled = 0, h.mask
		}
	} else if own {
		match = undocumented
		if index != 0 {
			access = AccessAdmin
		}
		if s.floor == AccessReadAll || s.floor >= AccessAdmin {
			access = access.and(s.floor)
		}
		from = s.documentedDepth
	}
	if access < AccessNever && namesPrivate(s.path, from, spelled) {
		return AccessNever, private
	}
	return access, match
}

// decisive returns the hit that decides for a method: the most specific one or, of
// several, the strictest.
func (s *search) decisive(index int) (hit, bool) {
	var decisive hit
	for _, h := range s.hits() {
		op := h.end[index]
		if op == nil || s.givesWay(h, index) {
			continue
		}
		if decisive.end == nil || op.Access > decisive.end[index].Access {
			decisive = h
		}
	}
	return decisive, decisive.end != nil
}

// givesWay reports whether another hit has a literal wherever h has one, and
// elsewhere too. An added read also wins over an equally specific operation: With
// admits it only where it may.
func (s *search) givesWay(h hit, index int) bool {
	for _, other := range s.hits() {
		if other.end[index] == nil || other.mask&h.mask != h.mask {
			continue
		}
		if other.mask != h.mask || other.end[index].Source == SourceReads && h.end[index].Source != SourceReads {
			return true
		}
	}
	return false
}

func (s *search) judgeOptions(own bool) (Access, Match) {
	if s.count == 0 {
		switch {
		case own && s.floor == AccessNever:
			return AccessNever, undocumented
		case namesPrivate(s.path, s.documentedDepth, 0):
			return AccessNever, private
		}
		return AccessRead, byMethod
	}
	least, match := AccessNever, byMethod
	for _, h := range s.hits() {
		for _, op := range h.end {
			if op != nil && op.Access <= least {
				least, match = op.Access, op.match(s.path)
			}
		}
	}
	if least == AccessNever {
		return AccessNever, match
	}
	return AccessRead, match
}
