package confine

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// attachmentsOf gives a Jira attachments: 7 of ABC-1, 8 of ABC-2, 9 of OUT-1.
func attachmentsOf(j *standIn) {
	for id, issue := range map[string]string{"7": "10011", "8": "10012", "9": "20011"} {
		j.issues[issue].attachments = append(j.issues[issue].attachments, id)
		j.things["/rest/api/2/attachment/"+id] = map[string]any{"id": id, "created": "2026-01-02T23:30:00.000+1300", "filename": "x"}
	}
}

func TestAttachments(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, request := range []string{
			"GET /rest/api/2/attachment/%s", "DELETE /rest/api/2/attachment/%s", "GET /rest/api/2/attachment/%s/expand/raw",
			"GET /rest/api/3/attachment/content/%s?redirect=false", "GET /rest/api/3/attachment/thumbnail/%s",
			"GET /secure/attachment/%s/x.txt", "GET /secure/thumbnail/%s/_thumb_5.png",
			"GET /rest/servicedeskapi/request/ABC-1/attachment/%s", "GET /rest/servicedeskapi/request/ABC-1/attachment/%s/thumbnail",
		} {
			a := newAsker(t, cloud, onlyABC)
			attachmentsOf(a.jira)
			a.admitted(fmt.Sprintf(request, "7"), "")
			a.admitted(fmt.Sprintf(request, "8"), "")
			a.refused(Outside, fmt.Sprintf(request, "9"), "")
			a.refused(Outside, fmt.Sprintf(request, "10"), "")
			a = newAsker(t, cloud, abcAcme)
			attachmentsOf(a.jira)
			_, admission := a.admitted(fmt.Sprintf(request, "7"), "")
			if !admission.Issue("10011", "ABC-1") {
				t.Error("the issue of the attachment is not known to be inside")
			}
			a.refused(Outside, fmt.Sprintf(request, "8"), "")
			a.refused(Outside, fmt.Sprintf(request, "9"), "")
			a = newAsker(t, cloud, hides)
			a.admitted(fmt.Sprintf(request, "9"), "")
		}
	})
}

func TestAttachmentsAreRemembered(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	attachmentsOf(a.jira)
	a.admitted("GET /rest/api/3/attachment/content/7", "")
	a.refused(Outside, "GET /rest/api/3/attachment/content/9", "")
	a.jira.asked()
	a.admitted("GET /rest/api/3/attachment/content/7", "")
	a.refused(Outside, "GET /rest/api/3/attachment/content/9", "")
	if asked := a.jira.asked(); len(asked) > 0 {
		t.Errorf("Jira was asked %q", asked)
	}
	// The issue moves out.
	a.jira.issues["10011"].project = "20000"
	a.refused(Outside, "DELETE /rest/api/3/attachment/7", "")
	a.clock.advance(a.guard.ttl)
	a.refused(Outside, "GET /rest/api/3/attachment/content/7", "")
}

func TestAttachmentPages(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for pages, want := range map[int]Kind{3: Outside, maxAttachmentPages + 1: Unanswered} {
			a := newAsker(t, cloud, onlyABC)
			attachmentsOf(a.jira)
			asked := 0
			a.jira.answer = func(_ context.Context, method, path string) (int, string, error) {
				if !strings.Contains(path, "/search") {
					return 0, "", nil
				}
				asked++
				next := fmt.Sprintf(`"nextPageToken":"p%d"`, asked)
				if !cloud {
					next = fmt.Sprintf(`"total":%d`, pages)
				} else if asked >= pages {
					next = `"isLast":true`
				}
				return 200, fmt.Sprintf(`{"issues":[{"id":"%d","key":"ABC-%d","fields":{"attachment":[{"id":"%d"}]}}],%s}`, 10100+asked, asked, 1000+asked, next), nil
			}
			a.refused(want, "GET /rest/api/2/attachment/7", "")
			if asked > maxAttachmentPages {
				t.Errorf("Jira was asked for %d pages", asked)
			}
			asked = 0
			a.jira.things["/rest/api/2/attachment/1002"] = map[string]any{"created": "2026-01-02T23:30:00.000Z"}
			a.admitted("GET /rest/api/2/attachment/1002", "")
			if asked != 2 {
				t.Errorf("found after %d pages", asked)
			}
		}
	})
}

func TestAttachmentWithoutADate(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	attachmentsOf(a.jira)
	a.jira.things["/rest/api/2/attachment/7"] = map[string]any{"created": "yesterday"}
	a.refused(Unanswered, "GET /rest/api/2/attachment/7", "")
}

func TestAttachmentsThatWereUploadedJustNow(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, onlyABC)
		a.jira.answer = func(_ context.Context, _, path string) (int, string, error) {
			if strings.Contains(path, "/search") {
				return 200, `{"issues":[],"total":0}`, nil // the index lags behind
			}
			return 0, "", nil
		}
		for i := range maxUploads + 5 {
			a.jira.add(fmt.Sprint(10100+i), fmt.Sprintf("ABC-%d", 100+i), "10000", "")
			a.admitted(fmt.Sprintf("POST /rest/api/2/issue/ABC-%d/attachments", 100+i), "")
		}
		a.admitted("POST /rest/servicedeskapi/request/ABC-1/attachment", "")
		a.refused(Outside, "POST /rest/api/2/issue/OUT-1/attachments", "")
		attachmentsOf(a.jira)
		a.admitted("GET /rest/api/2/attachment/7", "")
		a.admitted("DELETE /rest/api/2/attachment/7", "")
		a.refused(Outside, "GET /rest/api/2/attachment/8", "") // of an issue to which nothing was attached
		a.refused(Outside, "GET /rest/api/2/attachment/9", "")
		a.jira.issues["10011"].project = "20000"
		a.refused(Outside, "DELETE /rest/api/2/attachment/7", "")
	})
}
