package jira

import (
	"bytes"
	"encoding/csv"
	"os"
	"strings"
	"testing"
)

func defaultOperations(t testing.TB) *Operations {
	t.Helper()
	o, err := DefaultOperations()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// documentedRows reads operations.csv and corrections.csv without using the code
// under test.
func documentedRows(t testing.TB) [][]string {
	t.Helper()
	data, err := os.ReadFile("operations.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = rows[1:]
	if len(rows) != 1814 {
		t.Fatalf("operations.csv has %d operations, want 1814", len(rows))
	}
	corrected := correctedAccesses(t)
	for _, row := range rows {
		if row[1] == "GET" && row[3] == "admin" {
			row[3] = "read-all"
		}
		if access, ok := corrected[row[1]+anyVersion(row[2])]; ok {
			row[3] = access
		}
	}
	return rows
}

func correctedAccesses(t testing.TB) map[string]string {
	t.Helper()
	data, err := os.ReadFile("corrections.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	corrected := make(map[string]string)
	for _, row := range rows[1:] {
		corrected[row[0]+anyVersion(row[1])] = row[2]
	}
	return corrected
}

// anyVersion returns a row's path with the version and the names of wildcards
// replaced, so that equal operations are equal.
func anyVersion(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") || i == 3 && s[0] >= '0' && s[0] <= '9' {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

func fill(path, value string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = value
		}
	}
	return strings.Join(segments, "/")
}

var plausibleValues = []string{"ABC-1", "10001", "a%40b.com", "%C3%BCn%C3%AFcode", "com.example.my-key_1", "In%20Progress", "-1", "~admin"}

func TestEveryDocumentedOperation(t *testing.T) {
	o := defaultOperations(t)
	rows := documentedRows(t)
	strictest := map[string]Access{}
	for _, row := range rows {
		access, err := parseAccess(row[3])
		if err != nil {
			t.Fatal(err)
		}
		key := row[1] + anyVersion(row[2])
		strictest[key] = max(strictest[key], access)
	}
	for _, row := range rows {
		method, path := row[1], row[2]
		want := strictest[method+anyVersion(path)]
		versions := []string{strings.Split(path, "/")[3]}
		if anyVersion(path) != anyVersion(strings.Replace(path, "/"+versions[0]+"/", "/x/", 1)) && versions[0][0] <= '9' {
			versions = append(versions, "2", "3", "latest", "1.0", "2.0.alpha1")
		}
		for _, version := range versions {
			for _, value := range plausibleValues {
				segments := strings.Split(fill(path, value), "/")
				segments[3] = version
				request := strings.Join(segments, "/")
				if strings.HasPrefix(path, "/rest/servicedeskapi/") {
					request = fill(path, value)
				}
				if err := CheckPath(request); err != nil {
					t.Errorf("CheckPath(%q): %v", request, err)
				}
				got, match := o.Access(method, request)
				if got != want {
					t.Errorf("%s %s is %v by %v, want %v", method, request, got, match, want)
				}
				if match.Template == "" {
					t.Errorf("%s %s: decided by %v, not by an operation", method, request, match)
				}
				if slash, _ := o.Access(method, request+"/"); slash != want {
					t.Errorf("%s %s/ is %v, want %v", method, request, slash, want)
				}
				if method == "GET" {
					if head, _ := o.Access("HEAD", request); head != want {
						t.Errorf("HEAD %s is %v, want %v", request, head, want)
					}
				}
			}
		}
	}
}

func TestOperationsAgreeWhereProductsDiffer(t *testing.T) {
	o := defaultOperations(t)
	for _, c := range []struct {
		method, path string
		want         Access
	}{
		{"GET", "/rest/api/2/priorityscheme", AccessReadAll},
		{"GET", "/rest/api/2/priorityscheme/priorities/available", AccessReadAll},
		{"GET", "/rest/api/2/priorityscheme/1/priorities", AccessReadAll},
		{"GET", "/rest/api/2/priorityscheme/1/projects", AccessReadAll},
		{"POST", "/rest/api/2/project-template", AccessAdmin},
	} {
		if got, match := o.Access(c.method, c.path); got != c.want {
			t.Errorf("%s %s is %v by %v, want the stricter: %s", c.method, c.path, got, match, c.want)
		}
	}
}
