package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exorunner/internal/action"
)

// A Webhook posts a notice as JSON. Redirects are not followed: an address that moved is to be corrected, and a secret
// in it goes nowhere else.
type Webhook struct {
	URL string // used where Secret is empty
	// Secret is a reference to the address, where that is a secret itself: those of Teams workflows are.
	Secret        action.Secret
	Authorization action.Secret // reference to the header of that name
	Secrets       action.Secrets
	Teams         bool
	Client        *http.Client // nil: one of its own
}

var _ Sender = &Webhook{}

// maxText keeps a notice far below the 28 KB that Teams takes of a card.
// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
const maxText = 4000

// Send implements Sender. Its error names the host of the address and no more of it.
func (w *Webhook) Send(ctx context.Context, n Notice) error {
	address := w.URL
	if w.Secret != "" {
		text, err := w.Secrets.Resolve(ctx, w.Secret)
		if err != nil {
			return err
		}
		address = strings.TrimSpace(string(text))
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("webhook: the address is not one like https://host/path")
	}
	n.Text, n.Subject = clip(n.Text, maxText), clip(n.Subject, maxText)
	body, err := w.body(n)
	if err != nil {
		return Permanent(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook: the address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	if w.Authorization != "" {
		text, err := w.Secrets.Resolve(ctx, w.Authorization)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", string(text))
	}
	return w.post(req, u.Host)
}

func (w *Webhook) post(req *http.Request, host string) error {
	client := w.Client
	if client == nil {
		client = &http.Client{Transport: transport()}
		defer client.CloseIdleConnections()
	}
	one := *client
	one.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := one.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // its text has the whole address in it
		}
		return fmt.Errorf("webhook %s: %w", host, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection ends in order
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusBadRequest, res.StatusCode == http.StatusRequestEntityTooLarge:
		return Permanent(fmt.Errorf("webhook %s: %s: it does not take this notice", host, res.Status))
	}
	return fmt.Errorf("webhook %s: %s", host, res.Status)
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true // notices are rare
	t.TLSHandshakeTimeout = 10 * time.Second
	return t
}

func (w *Webhook) body(n Notice) ([]byte, error) {
	if !w.Teams {
		return json.Marshal(n)
	}
	return json.Marshal(teamsCard(n))
}

type object = map[string]any

// teamsCard is an adaptive card as a Teams workflow ("Post to a channel when a webhook request is received") takes it.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/card-schema
func teamsCard(n Notice) any {
	colour := map[Kind]string{Failed: "Attention", Drift: "Attention", Recovered: "Good"}[n.Kind]
	if colour == "" {
		colour = "Warning"
	}
	var facts []any
	for _, f := range [][2]string{{"host", n.Host}, {"schedule", n.Schedule}, {"kind", string(n.Kind)}, {"run", n.Run}, {"time", n.Time.UTC().Format(time.RFC3339)}, {"remedy", n.Remedy}} {
		if f[1] != "" {
			facts = append(facts, object{"title": f[0], "value": f[1]})
		}
	}
	content := []any{object{"type": "TextBlock", "text": n.Title(), "weight": "Bolder", "size": "Medium", "color": colour, "wrap": true}}
	if n.Text != "" {
		content = append(content, object{"type": "TextBlock", "text": n.Text, "wrap": true})
	}
	content = append(content, object{"type": "FactSet", "facts": facts})
	return object{"type": "message", "attachments": []any{object{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content": object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
			"body": content},
	}}}
}

func clip(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}
