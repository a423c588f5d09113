package admin

import "net/http"

// activityDays is how many days of a token's activity are returned, including today.
const activityDays = 30

// activity returns how much a token was used on each of the last days.
func (c *call) activity() (int, any, error) {
	record, err := c.tokens.Show(c.Context(), c.id())
	if err != nil {
		return 0, nil, err
	}
	activity, err := c.app.Registry().Activity(c.Context(), record.ID, activityDays)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, activity, nil
}
