package jira

import "strings"

// Outside /rest are Jira's pages and downloads. Pages act on GET as well as POST,
// so everything below /secure that is not known to be a download is denied, and
// page extensions are denied everywhere.

// What decided outside /rest.
var (
	page = Match{Source: "page", Reason: "a page of Jira's, which may make changes even on GET; tokens can only reach downloads and REST"}
)

// The downloads. Of these, confined tokens reach attachments and avatars: an
// archive holds attachments that its path does not name.
var (
	attachment = Match{Source: "download", Template: "/secure/{kind}/{id}/{name}", Confinement: &Confinement{
		Rule: "attachment", Parameters: []Parameter{{Thing: "attachment", In: "path", Name: "id"}}, Answer: "binary",
	}}
	projectAvatar = Match{Source: "download", Template: "/secure/projectavatar", Confinement: &Confinement{
		Rule: RuleNeeded, Parameters: []Parameter{{Thing: "project", In: "query", Name: "pid"}}, Answer: "binary",
	}}
	otherAvatar = Match{Source: "download", Template: "/secure/{avatar}", Confinement: &Confinement{Rule: RuleOpen, Answer: "binary"}}
	archive     = Match{Source: "download", Confinement: &Confinement{Rule: RuleNone, Note: "an archive of attachments; download them one by one"}}
)

// download returns what is known about the download at path.
func download(path string) Match {
	kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/secure/"), "/")
	var match Match
	switch kind {
	case "attachment", "thumbnail":
		match = attachment
	case "projectavatar":
		match = projectAvatar
	case "attachmentzip":
		match = archive
	default:
		match = otherAvatar
	}
	match.path = path
	return match
}

// judgePage decides about pages and downloads; decided is false for any other
// path. path is as sent.
func judgePage(method, path string) (access Access, match Match, decided bool) {
	if isDownload(path) {
		if method == "GET" || method == "HEAD" {
			return AccessRead, download(path), true
		}
		return AccessNever, page, true
	}
	if isBelowSecure(path) || hasPageExtension(path) {
		return AccessNever, page, true
	}
	if match, decided := judgePrefix(path); decided {
		return AccessNever, match, true
	}
	return 0, Match{}, false
}

// isDownload reports whether Data Center serves a file at this path. Its web.xml
// maps downloads by prefix, which takes precedence over the mapping of *.jspa
// (Servlet specification, section 12.1), so the file's name may end in anything.
// The forms are those that Jira's own pages link to and its servlets parse:
//
//	/secure/attachment/{id}/{name}
//	/secure/thumbnail/{id}/{name}
//	/secure/attachmentzip/{issue id}.zip
//	/secure/attachmentzip/unzip/{issue id}/{attachment id}[{entry}]/{name…}
//	/secure/projectavatar, /secure/viewavatar, /secure/useravatar
//
// Nothing is mapped to /secure/issueAttachments, so a path below it is whatever
// its last segment says.
func isDownload(path string) bool {
	rest, ok := strings.CutPrefix(path, "/secure/")
	if !ok {
		return false
	}
	kind, rest, _ := strings.Cut(rest, "/")
	switch kind {
	case "attachment", "thumbnail":
		id, name, _ := strings.Cut(rest, "/")
		return isNumber(id) && name != "" && !strings.Contains(name, "/")
	case "attachmentzip":
		return isZip(rest)
	case "projectavatar", "viewavatar", "useravatar":
		return !strings.Contains(path[len("/secure/"):], "/")
	}
	return false
}

// isZip reports whether rest names the archive of all attachments of an issue, or
// an entry of an attached archive.
func isZip(rest string) bool {
	if id, ok := strings.CutSuffix(rest, ".zip"); ok && isNumber(id) {
		return true
	}
	rest, ok := strings.CutPrefix(rest, "unzip/")
	if !ok {
		return false
	}
	issue, rest, _ := strings.Cut(rest, "/")
	attachment, name, _ := strings.Cut(rest, "/")
	id, entry, ok := cutFold(attachment, "%5b")
	if !ok || len(entry) < len("0%5D") {
		return false
	}
	number, bracket := entry[:len(entry)-len("%5D")], entry[len(entry)-len("%5D"):]
	return isNumber(issue) && isNumber(id) && isNumber(number) && strings.EqualFold(bracket, "%5D") && name != ""
}

// cutFold is strings.Cut, ignoring case. The separator must be lower case.
func cutFold(s, separator string) (before, after string, found bool) {
	for i := 0; i+len(separator) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(separator)], separator) {
			return s[:i], s[i+len(separator):], true
		}
	}
	return s, "", false
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isBelowSecure reports whether any server could take path for one below /secure.
func isBelowSecure(path string) bool {
	segment, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	var space [len("secure") + 1]byte
	folded, ok := foldSegment(space[:0], segment)
	return ok && string(folded) == "secure"
}

// hasPageExtension reports whether any segment of path contains an extension that
// Jira's web.xml maps to pages: *.jspa to Webwork, which runs the action of that
// name, *.vm and *.vmd to Velocity, and the container's own *.jsp and *.jspx. What
// follows the extension makes no difference: servers strip trailing dots and
// spaces, parameters, and what they take for path info.
func hasPageExtension(path string) bool {
	dot := strings.IndexByte(path, '.')
	if dot < 0 {
		return false
	}
	var space [len("jspa") + 1]byte // the letters after a dot, with room for one more than any extension has
	extension, after := space[:0], false
	for i := dot; i < len(path); {
		c, n := foldAt(path[i:])
		i += n
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			if after && len(extension) < cap(extension) {
				extension = append(extension, c)
			}
		default:
			if after && isPageExtension(string(extension)) {
				return true
			}
			extension, after = space[:0], c == '.'
		}
	}
	return after && isPageExtension(string(extension))
}

func isPageExtension(name string) bool {
	switch name {
	case "jspa", "jsp", "jspx", "vm", "vmd":
		return true
	}
	return false
}

// foldAt returns the first character of s, decoded once and folded to ASCII, or 0
// if it does not fold to ASCII, and how many bytes of s it takes.
func foldAt(s string) (c byte, n int) {
	if s[0] != '%' {
		return lower(s[0]), 1
	}
	r, n := decodeRune(s)
	if n == 0 {
		return 0, 1
	}
	return foldsTo(r), n
}
