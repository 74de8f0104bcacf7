package policy

import (
	"encoding/json"
	"fmt"
	"time"
)

// wireHours is Hours as JSON: times of day as "07:30", and the zone by name.
type wireHours struct {
	Days []time.Weekday `json:"days"`
	From string         `json:"from"`
	To   string         `json:"to"`
	Zone string         `json:"zone"`
}

// MarshalJSON writes {"days":[1,2],"from":"07:00","to":"19:00","zone":"Europe/Copenhagen"}.
func (h Hours) MarshalJSON() ([]byte, error) {
	w := wireHours{Days: h.Days, From: clock(h.From), To: clock(h.To)}
	if h.Zone != nil {
		w.Zone = h.Zone.String()
	}
	return json.Marshal(w)
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Hours) UnmarshalJSON(data []byte) error {
	var w wireHours
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*h = Hours{Days: w.Days}
	if w.Zone != "" { // without one they never hold; UTC says "UTC"
		zone, err := time.LoadLocation(w.Zone)
		if err != nil {
			return fmt.Errorf("read hours: %w", err)
		}
		h.Zone = zone
	}
	for _, t := range []struct {
		text string
		into *time.Duration
	}{{w.From, &h.From}, {w.To, &h.To}} {
		var hour, minute int
		if n, err := fmt.Sscanf(t.text, "%02d:%02d", &hour, &minute); err != nil || n != 2 || hour < 0 || hour > 24 || minute < 0 || minute > 59 {
			return fmt.Errorf("read hours: %q is not a time of day", t.text)
		}
		*t.into = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	}
	return nil
}
