package redact

// maxRemembered limits the names of fields that a view remembers.
const maxRemembered = 4096

// view is what is inside for one response.
type view struct {
	Inside
	hidden    map[string]bool // results of Hides: every issue names the same fields
	duplicate bool            // an object has two members of the same name
}

// keepsSecret reports whether the number of elements dropped from a page of this shape must not be revealed.
func (v *view) keepsSecret(page *shape) bool { return page.secret && v.HidesInternalComments() }

// hides reports whether the field with this ID or name is hidden.
func (v *view) hides(field []byte) bool {
	hidden, known := v.hidden[string(field)]
	if !known {
		hidden = v.Hides(string(field))
		if v.hidden == nil {
			v.hidden = make(map[string]bool)
		}
		if len(v.hidden) < maxRemembered {
			v.hidden[string(field)] = hidden
		}
	}
	return hidden
}
