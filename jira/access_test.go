package jira

import "testing"

func TestAccessByMethod(t *testing.T) {
	for method, want := range map[string]Access{
		"GET": AccessRead, "HEAD": AccessRead, "OPTIONS": AccessRead,
		"POST": AccessWrite, "PUT": AccessWrite, "PATCH": AccessWrite, "DELETE": AccessWrite,
		"TRACE": AccessNever, "CONNECT": AccessNever, "TRACK": AccessNever, "PROPFIND": AccessNever, "QUERY": AccessNever,
		"get": AccessNever, "Post": AccessNever, "GET ": AccessNever, "": AccessNever, "GET\x00": AccessNever,
	} {
		if got := AccessByMethod(method); got != want {
			t.Errorf("AccessByMethod(%q) = %v, want %v", method, got, want)
		}
	}
}

func TestAccessNamesAndOrder(t *testing.T) {
	if !(AccessRead < AccessReadAll && AccessReadAll < AccessWrite && AccessWrite < AccessAdmin && AccessAdmin < AccessNever) {
		t.Error("accesses are not ordered by strictness")
	}
	for _, a := range []Access{AccessRead, AccessReadAll, AccessWrite, AccessAdmin, AccessNever} {
		if back, err := parseAccess(a.String()); err != nil || back != a {
			t.Errorf("parseAccess(%q) = %v, %v", a, back, err)
		}
	}
	if Access(9).String() != "Access(9)" {
		t.Error(Access(9).String())
	}
	if a, err := parseAccess("root"); err == nil || a != AccessNever {
		t.Error("parseAccess accepts an unknown name")
	}
}

func TestAccessOfEither(t *testing.T) {
	for _, c := range []struct{ a, b, want Access }{
		{AccessRead, AccessReadAll, AccessReadAll},
		{AccessRead, AccessWrite, AccessWrite},
		{AccessReadAll, AccessWrite, AccessAdmin}, // neither scope may do the other's
		{AccessReadAll, AccessAdmin, AccessAdmin},
		{AccessWrite, AccessNever, AccessNever},
	} {
		if c.a.and(c.b) != c.want || c.b.and(c.a) != c.want {
			t.Errorf("%v and %v is %v, want %v", c.a, c.b, c.a.and(c.b), c.want)
		}
	}
}
