package target

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"chronus/harness/fault"
)

// pointClient talks to the pages of the control socket that control.Client does
// not read: the failpoints, which only some builds have, and the metrics.
type pointClient struct{ http http.Client }

func newPointClient(socket string) *pointClient {
	c := &pointClient{}
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}
	return c
}

func (c *pointClient) do(ctx context.Context, method, page string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+page, nil)
	if err != nil {
		return nil, fmt.Errorf("target: %s %s: %w", method, page, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("target: %s %s: %w", method, page, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("target: %s %s: %w", method, page, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("target: %s %s: %s: %s",
			method, page, resp.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}

// Points returns the failpoints of the engine's build. A build without
// failpoints is an error.
func (t *Target) Points(ctx context.Context) ([]fault.Point, error) {
	body, err := t.points.do(ctx, http.MethodGet, "/failpoints")
	if err != nil {
		return nil, err
	}
	var list struct{ Points []fault.Point }
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("target: failpoints: %w", err)
	}
	return list.Points, nil
}

// Words returns the words of the engine's memory regions. A build without
// failpoints is an error.
func (t *Target) Words(ctx context.Context) ([]fault.Word, error) {
	body, err := t.points.do(ctx, http.MethodGet, "/layout")
	if err != nil {
		return nil, err
	}
	var words []fault.Word
	if err := json.Unmarshal(body, &words); err != nil {
		return nil, fmt.Errorf("target: layout: %w", err)
	}
	return words, nil
}

// Arm arms a failpoint in the worker of a slot, or in the player if slot is
// fault.PlayerSlot.
func (t *Target) Arm(ctx context.Context, point, slot int) error {
	q := url.Values{"id": {strconv.Itoa(point)}}
	if slot != fault.PlayerSlot {
		q.Set("slot", strconv.Itoa(slot))
	}
	_, err := t.points.do(ctx, http.MethodPost, "/failpoint?"+q.Encode())
	return err
}
