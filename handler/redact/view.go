package redact

// view is what is inside for one response.
type view struct {
	Inside
	duplicate bool // an object has two members of the same name
}

// keepsSecret reports whether the number of elements dropped from a page of this shape must not be revealed.
func (v *view) keepsSecret(page *shape) bool { return page.secret != nil && page.secret(v) }
