package jira

// The table's paths begin where Jira's own do. It does not apply below a prefix
// (/jira/rest/…), where only the method would decide. So tokens can only reach
// Jira's own addresses at the start of the path.

var belowPrefix = Match{Source: "prefix", Reason: "one of Jira's own addresses below a prefix, where the table of operations does not apply; " +
	"a prefix belongs in the URL of jira_gateway, or in context_path"}

var protected = Match{Source: "page", Reason: "private files of a web application (WEB-INF, META-INF), which no server may expose"}

// longestOwnSegment has room for any segment that judgePrefix looks for, and one
// more byte.
const longestOwnSegment = len("META-INF") + 1

// judgePrefix decides about paths that contain one of Jira's own addresses anywhere
// but at the start, and about the private files of a web application. decided is
// false for all other paths, and for those below /rest, whose segments may be any
// key or name.
func judgePrefix(path string) (match Match, decided bool) {
	var spaces [2][longestOwnSegment]byte
	var before []byte // the segment before, folded
	rewritten := false
	for i := 0; path != ""; i++ {
		var segment string
		segment, path = nextSegment(path)
		folded, ok := foldSegment(spaces[i%2][:0], segment)
		if !ok {
			folded = nil
		}
		switch string(folded) {
		case "web-inf", "meta-inf":
			return protected, true
		case "rest":
			if i == 0 {
				return Match{}, false
			}
			// /browse/REST and /browse/SECURE are projects.
			if path != "" {
				return belowPrefix, true
			}
		case "secure", "webwork":
			if i > 0 && path != "" {
				return belowPrefix, true
			}
		case "s":
			rewritten = rewritten || i > 0
		case "_": // /s/{anything}/_/{path} is /{path}
			if rewritten {
				return belowPrefix, true
			}
		case "servlet":
			if i > 1 && string(before) == "plugins" {
				return belowPrefix, true
			}
		case "api":
			if i > 1 && string(before) == "gateway" {
				return belowPrefix, true
			}
		case "soap", "xmlrpc":
			if i > 1 && string(before) == "rpc" {
				return belowPrefix, true
			}
		}
		before = folded
	}
	return Match{}, false
}
