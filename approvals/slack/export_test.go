package slack

import "context"

// Tidy is what is done every minute.
func (s *Slack) Tidy(ctx context.Context) error { return s.tidy(ctx) }
