package admin

// Actions returns the actions that events of the audit trail can have.
func Actions() []string {
	return []string{
		"create", "update", "rotate", "end_overlap", "disable", "enable", "revoke", "approve", "reject", "transfer", "delete",
		"exchange", "handover", "handover_opened", "handover_alarm", "import_begun", "import",
		"account_add", "account_replace", "account_remove", "account_reencrypt", "account_refused", "account_accepted",
		"account_connect_link", "account_connect_opened", "account_connect_returned",
		"account_refresh_begun", "account_refreshed", "account_refresh_failed", "account_refresh_refused",
		"account_revoked_at_jira", "account_not_revoked_at_jira",
		"session_key_create", "session_key_replace", "sign_out", "session_end", "session_forget",
		"owner_changed", "owner_signed_in", "owner_refresh_begun", "owner_refresh_continued", "owner_refresh_ended", "policy_loaded",
		"approval_request", "approval_approve", "approval_reject", "approval_use", "approval_expire", "approval_forget",
		"denied", "write", "write_begun",
		"audit_trimmed", "audit_lost", "audit_key", "events_lost", "damaged",
	}
}
