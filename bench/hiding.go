package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// startHiding starts a stand-in for a Jira Cloud with the project ABC. Names that begin
// with OUT are of another project, and nothing else exists. Its answers are prepared,
// so that it answers one question as fast as another.
func startHiding() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it has been closed
			}
			go answerHiding(conn)
		}
	}()
	return listener, nil
}

// The stand-in's answers.
var (
	hidingServer  = jiraAnswer("200 OK", `{"deploymentType":"Cloud","version":"1001.0.0"}`)
	hidingFields  = jiraAnswer("200 OK", `[{"id":"summary","name":"Summary","custom":false,"schema":{"type":"string","system":"summary"}},{"id":"labels","name":"Labels","custom":false,"schema":{"type":"array","items":"string","system":"labels"}}]`)
	hidingAbsent  = jiraAnswer("404 Not Found", `{"errorMessages":["It does not exist or you do not have permission to see it."],"errors":{}}`)
	hidingUnknown = jiraAnswer("400 Bad Request", `{"errorMessages":["A value does not exist for the field 'key'."],"errors":{}}`)
	hidingNone    = jiraAnswer("200 OK", `{"issues":[],"isLast":true}`)
	hidingFound   = jiraAnswer("200 OK", `{"issues":[`+hidingIssue("10001", "ABC")+`],"isLast":true}`)
	hidingEdited  = []byte("HTTP/1.1 204 No Content\r\n\r\n")
)

// hidingIssue is an issue with its project, as large as Jira's.
func hidingIssue(id, project string) string {
	return fmt.Sprintf(`{"expand":"renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations","id":"%s","self":"https://jira.example.com/rest/api/2/issue/%[1]s","key":"%s-1","fields":{"project":%s}}`,
		id, project, hidingProject(project))
}

func hidingProject(key string) string {
	id := map[string]string{"ABC": "10000", "OUT": "20000"}[key]
	var avatars []string
	for _, size := range []string{"48x48", "24x24", "16x16", "32x32"} {
		avatars = append(avatars, fmt.Sprintf(`"%s":"https://jira.example.com/rest/api/2/universal_avatar/view/type/project/avatar/10400?size=small"`, size))
	}
	return fmt.Sprintf(`{"self":"https://jira.example.com/rest/api/2/project/%s","id":"%[1]s","key":"%s","name":"A project","projectTypeKey":"software","simplified":false,"avatarUrls":{%s}}`,
		id, key, strings.Join(avatars, ","))
}

func jiraAnswer(status, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\nX-AREQUESTID: 495x1x1\r\n\r\n%s", status, len(body), body)
}

func answerHiding(conn net.Conn) {
	defer conn.Close()
	issues, projects := make(map[string][]byte), make(map[string][]byte)
	for id, key := range map[string]string{"10001": "ABC", "20001": "OUT"} {
		issues[key], projects[key] = jiraAnswer("200 OK", hidingIssue(id, key)), jiraAnswer("200 OK", hidingProject(key))
	}
	reader := bufio.NewReader(conn)
	for {
		line, body, err := readRequest(reader)
		if err != nil {
			return
		}
		if _, err := conn.Write(hidingAnswer(line, body, issues, projects)); err != nil {
			return
		}
	}
}

func hidingAnswer(line, body []byte, issues, projects map[string][]byte) []byte {
	has := func(text string) bool { return bytes.Contains(line, []byte(text)) }
	key := "ABC"
	for _, other := range []string{"OUT", "ZZZ"} {
		if has(other) || bytes.Contains(body, []byte(other)) || bytes.Contains(body, []byte(map[string]string{"OUT": "20001", "ZZZ": `"reconcileIssues":[0]`}[other])) {
			key = other
		}
	}
	switch {
	case has("/serverInfo "):
		return hidingServer
	case has("/field "):
		return hidingFields
	case has("POST ") && key == "ABC":
		return hidingFound
	case has("POST ") && key == "OUT":
		return hidingNone
	case has("POST "):
		return hidingUnknown
	case key == "ZZZ":
		return hidingAbsent
	case has("PUT "):
		return hidingEdited
	case has("/project/"):
		return projects[key]
	}
	return issues[key]
}

// readRequest reads a request and returns its first line and its body.
func readRequest(reader *bufio.Reader) (first, body []byte, err error) {
	length := 0
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return nil, nil, err
		}
		if first == nil {
			first = bytes.Clone(line)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return nil, nil, err
			}
		}
	}
	body = make([]byte, length)
	_, err = io.ReadFull(reader, body)
	return first, body, err
}
