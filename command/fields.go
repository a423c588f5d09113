package command

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// fieldFlags adds the flags for a token's fields to create or, if create is false,
// to update.
func fieldFlags(cmd *cobra.Command, create bool) {
	for _, field := range token.Fields() {
		if field.CreateOnly && !create {
			continue
		}
		help, value := field.Help, ""
		if create {
			value = field.Default
		}
		if create && field.Required {
			help += " (required)"
		}
		switch zero := field.Zero.(type) {
		case []string:
			cmd.Flags().StringArray(field.Flag, zero, help)
		default:
			cmd.Flags().String(field.Flag, value, help)
		}
		if create && field.Required {
			_ = cmd.MarkFlagRequired(field.Flag) // fails only if there is no such flag
		}
	}
}

// updateFlags returns the flags of the fields that can be changed.
func updateFlags() []string {
	var flags []string
	for _, field := range token.Fields() {
		if !field.CreateOnly {
			flags = append(flags, "--"+field.Flag)
		}
	}
	return flags
}

// changedFields returns the fields whose flags are set.
func changedFields(cmd *cobra.Command) map[string]any {
	fields := make(map[string]any)
	for _, field := range token.Fields() {
		if !cmd.Flags().Changed(field.Flag) {
			continue
		}
		switch field.Zero.(type) {
		case []string:
			values, _ := cmd.Flags().GetStringArray(field.Flag)
			if len(values) == 1 && values[0] == "" {
				values = []string{}
			}
			fields[field.Name] = values
		default:
			fields[field.Name], _ = cmd.Flags().GetString(field.Flag)
		}
	}
	return fields
}

// flagNames maps the names that the admin API's errors begin with to flags.
func flagNames() map[string]string {
	names := map[string]string{
		"version": "version", "overlap": "overlap", "state": "state", "since": "since", "from": "from", "token": "token",
	}
	for _, field := range token.Fields() {
		names[field.Name] = field.Flag
	}
	return names
}

// printFields calls row for each field of a token that is displayed.
func printFields(row func(name, value string), view admin.Token) {
	for _, field := range token.Fields() {
		if field.Label == "" {
			continue
		}
		if text := fieldText(field, view.Record); text != "" {
			row(field.Label, text)
		}
	}
}

func fieldText(field token.Field, record *token.Record) string {
	if field.Text != nil {
		return field.Text(record)
	}
	switch value := field.Value(record).(type) {
	case *time.Time:
		if value == nil {
			return field.Empty
		}
		return when(*value)
	default:
		return fmt.Sprint(value)
	}
}
