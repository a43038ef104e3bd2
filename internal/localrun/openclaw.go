// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/cedros-io/open-spawn/internal/openclaw"
)

var errNoToken = errors.New("there is no token of OpenClaw's gateway")

// Door is OpenClaw's own, on loopback, as tools on its machine use it.
type Door struct {
	// Port is where it listens, and EnvFile the file with its environment, in which the token is that opens it.
	Port    int
	EnvFile string
}

// Token is the token.
func (d Door) Token() (string, error) {
	env, err := os.ReadFile(d.EnvFile)
	if err != nil {
		return "", fmt.Errorf("looking for the token of OpenClaw's gateway: %w", err)
	}
	_, after, found := strings.Cut(string(env), openclaw.TokenVariable+`="`)
	token, _, closed := strings.Cut(after, `"`)
	if !found || !closed {
		return "", errNoToken
	}
	return token, nil
}

// Say says something to the bot, and gives its answer. All that is said this way is one conversation.
func (d Door) Say(ctx context.Context, text string) (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{
		"model": "openclaw", "user": "door", "messages": []any{map[string]string{"role": "user", "content": text}},
	})
	if err != nil {
		return "", fmt.Errorf("saying something: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		fmt.Sprintf("http://127.0.0.1:%d/v1/chat/completions", d.Port), bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("saying something: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("saying something: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("OpenClaw answers %s: %s (%w)", response.Status, content, err)
	}
	return said(content)
}

func said(content []byte) (string, error) {
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(content, &answer); err != nil || len(answer.Choices) != 1 {
		return "", fmt.Errorf("OpenClaw answers %s (%w)", content, err)
	}
	return answer.Choices[0].Message.Content, nil
}
