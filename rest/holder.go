package rest

import (
	"errors"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func (a *API) rotateSelf() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodPost, Path: version + "self/rotate", Needs: handler.NeedsToken,
		Does: "gives the token a new secret, which it answers with",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			var request struct {
				// Overlap is how long the old secret still works; empty: not at all.
				Overlap string `json:"overlap"`
			}
			if err := decode(r, &request); err != nil {
				return err
			}
			overlap, err := parseOverlap(request.Overlap)
			if err != nil {
				return err
			}
			issued, err := a.Registry.RotateHeld(r.Context(), holder(r, call), call.Presented, overlap)
			if err != nil {
				return refused(err)
			}
			return reply(w, http.StatusOK, shown{newShown(issued), timestamp(issued.Record.PreviousUntil)})
		},
	}
}

func parseOverlap(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	overlap, err := token.ParseSpan(text)
	if err != nil {
		return 0, invalidRequest("overlap: " + err.Error() + ".")
	}
	return overlap, nil
}

// secret is a token that is shown once.
type secret struct {
	ID        string     `json:"id"`
	Owner     string     `json:"owner"`
	Name      string     `json:"name"`
	Token     string     `json:"token"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// shown is a rotated token.
type shown struct {
	secret
	// PreviousUntil is when the secret before stops working.
	PreviousUntil *time.Time `json:"previous_until"`
}

func newShown(issued registry.Issued) secret {
	return secret{issued.Record.ID, issued.Record.Owner, issued.Record.Name, issued.Token.Reveal(), timestamp(issued.Record.ExpiresAt)}
}

func (a *API) endSelf() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodDelete, Path: version + "self", Needs: handler.NeedsSecret,
		Does: "revokes the token; if the request has the secret before the last rotation, it ends only that",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			var request struct {
				// Reason is why the token ends, such as leaked.
				Reason string `json:"reason"`
			}
			if err := decode(r, &request); err != nil {
				return err
			}
			if _, err := a.Registry.EndHeld(r.Context(), holder(r, call), call.Presented, request.Reason); err != nil {
				return refused(err)
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		},
	}
}

// holder is whoever presents a token, as an actor: only the token itself is known.
func holder(r *http.Request, call handler.Call) registry.Actor {
	actor := actorOf(r, call)
	actor.Kind, actor.Name = registry.ActorToken, call.Record.ID
	return actor
}

// actorOf returns what is known about a client: its address, and what it calls itself.
// The caller adds the kind and name.
func actorOf(r *http.Request, call handler.Call) registry.Actor {
	actor := registry.Actor{Claim: token.Claim(r.UserAgent())}
	if call.Address.IsValid() {
		actor.Address = call.Address.String()
	}
	return actor
}

// refused returns an error of the registry as the client gets to see it.
func refused(err error) error {
	failed := &handler.EndpointError{Reason: handler.ReasonConflict, Cause: err}
	invalid, isInvalid := errors.AsType[registry.InvalidError](err)
	state, isState := errors.AsType[registry.StateError](err)
	switch {
	case isInvalid:
		failed.Reason, failed.Message = handler.ReasonInvalidRequest, invalid.Field+": "+invalid.Error()+"."
	case isState:
		failed.Message = state.Error() + "."
	case errors.Is(err, token.ErrRotated):
		failed.Message = "This secret was replaced by a rotation, and cannot do this. Use the new one."
	case errors.Is(err, token.ErrConflict):
		failed.Message = "The token was changed at the same time. If it was rotated, use the new secret."
	default:
		return err
	}
	return failed
}
