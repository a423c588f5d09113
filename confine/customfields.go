package confine

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Types of custom fields whose values name something that must be inside.
const (
	epicLinkType   = "com.pyxis.greenhopper.jira:gh-epic-link"
	parentLinkType = "com.atlassian.jpo:jpo-custom-field-parent"
	sprintType     = "com.pyxis.greenhopper.jira:gh-sprint"
	projectType    = "com.atlassian.jira.plugin.system.customfieldtypes:project"
)

// plainTypes are prefixes of the types of custom fields of Jira and Atlassian's own
// apps. Apart from the types above, these fields name no issue, project or board.
var plainTypes = []string{
	"com.atlassian.jira.plugin.system.customfieldtypes:", "com.pyxis.greenhopper.jira:", "com.atlassian.jpo:",
	"com.atlassian.servicedesk", "com.atlassian.teams:", "com.atlassian.jira.plugins.cmdb:", "com.atlassian.cmdb:",
}

// customField checks a value that is written to a custom field. What it may name
// depends on the field's type.
func (w *written) customField(ctx context.Context, id string, value any) error {
	if !couldName(value) {
		return nil
	}
	fields, err := w.session.fields(ctx)
	if err != nil {
		return err
	}
	custom := ""
	for _, f := range fields {
		if f.ID == id {
			custom = f.Schema.Custom
		}
	}
	switch custom {
	case epicLinkType, parentLinkType:
		return w.issueValue(ctx, value)
	case sprintType:
		return w.sprintValue(ctx, value)
	case projectType:
		return w.pickedProject(ctx, value)
	}
	for _, plain := range plainTypes {
		if strings.HasPrefix(custom, plain) {
			return nil
		}
	}
	return w.unknownValue(ctx, value)
}

// couldName reports whether a value can name something: a number, an object, or a
// text with a digit. Java also reads digits of other scripts as numbers.
func couldName(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.ContainsFunc(value, unicode.IsDigit)
	case []any:
		return slices.ContainsFunc(value, couldName)
	case map[string]any, jsontext.Value:
		return true
	}
	return false
}

// issueValue checks the value of a field that names issues: a text or number is an
// issue, and so is what an object holds as its id and key.
func (w *written) issueValue(ctx context.Context, value any) error {
	switch value := value.(type) {
	case string, jsontext.Value:
		text, _ := scalar(value)
		if text == "" && value == "" {
			return nil // empties the field
		}
		return w.requireThing(ctx, thingIssue, text)
	case []any:
		for _, element := range value {
			if err := w.issueValue(ctx, element); err != nil {
				return err
			}
		}
	case map[string]any:
		return w.issueObject(ctx, value)
	}
	return nil
}

func (w *written) issueObject(ctx context.Context, object map[string]any) error {
	for name, member := range object {
		switch member.(type) {
		case map[string]any, []any:
			if name == "type" || name == "comment" {
				continue // of a link
			}
		default:
			if name != "id" && name != "key" {
				continue
			}
		}
		if err := w.issueValue(ctx, member); err != nil {
			return err
		}
	}
	return nil
}

// sprintValue checks the value of a field that names sprints.
func (w *written) sprintValue(ctx context.Context, value any) error {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if err := w.sprintValue(ctx, element); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		return w.sprintValue(ctx, value["id"])
	}
	text, _ := scalar(value)
	return w.requireThing(ctx, thingSprint, text)
}

// pickedProject checks the value of a project picker.
func (w *written) pickedProject(ctx context.Context, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		object = map[string]any{"key": value}
	}
	for _, member := range []string{"id", "key"} {
		if value, ok := object[member]; ok && value != nil {
			name, _ := scalar(value)
			if err := w.requireThing(ctx, thingProject, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknownValue checks the value of a field of an unknown type, which may be an
// app's: a text that could be an issue's key, and an object's id and key, are taken
// for an issue.
func (w *written) unknownValue(ctx context.Context, value any) error {
	switch value := value.(type) {
	case string:
		if text := strings.TrimSpace(value); looksLikeKey(text) {
			return w.requireThing(ctx, thingIssue, text)
		}
	case []any:
		for _, element := range value {
			if err := w.unknownValue(ctx, element); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, member := range value {
			check := w.unknownValue
			if name == "id" || name == "key" {
				check = w.issueValue
			}
			if err := check(ctx, member); err != nil {
				return err
			}
		}
	}
	return nil
}

// looksLikeKey reports whether any program could take a text for an issue's key.
func looksLikeKey(text string) bool {
	i := strings.LastIndexByte(text, '-')
	return i > 0 && i+1 < len(text) && !strings.ContainsFunc(text[i+1:], func(r rune) bool { return !unicode.IsDigit(r) })
}
