package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	secretMin = 24 // bytes
	standard  = "whsec_"
)

// keysOf are what signs. Its errors do not repeat the secrets.
func keysOf(secrets []Secret) (all [][]byte, err error) {
	if len(secrets) == 0 {
		return nil, errors.New("secrets: at least one is needed")
	}
	for i, s := range secrets {
		k := []byte(s)
		if text, ok := strings.CutPrefix(string(s), standard); ok {
			if k, err = base64.StdEncoding.DecodeString(text); err != nil {
				return nil, fmt.Errorf("secrets: what comes after %s in the %d. is no Base64", standard, i+1)
			}
		}
		if len(k) < secretMin {
			return nil, fmt.Errorf("secrets: the %d. has %d bytes; use at least %d", i+1, len(k), secretMin)
		}
		all = append(all, k)
	}
	return all, nil
}

// sign is a signature by each secret, over id, time and body, as Standard Webhooks has them.
func sign(keys [][]byte, id, at string, body []byte) string {
	var all []string
	for _, k := range keys {
		mac := hmac.New(sha256.New, k)
		fmt.Fprintf(mac, "%s.%s.", id, at)
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}
