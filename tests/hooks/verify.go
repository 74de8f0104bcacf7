package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Verify gives the id and the body of a webhook that Lockbox sent; any error means
// that it did not. The same id may come again, hours later: handle it once.
func Verify(r *http.Request, secrets ...string) (id string, body []byte, err error) {
	id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
	sent, err := strconv.ParseInt(at, 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return "", nil, errors.New("its time is not now") // each try has its own
	}
	if body, err = io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20)); err != nil {
		return "", nil, err
	}
	for _, secret := range secrets { // the old one too, while it is being changed
		key := []byte(secret)
		if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
			if key, err = base64.StdEncoding.DecodeString(text); err != nil {
				return "", nil, err
			}
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, at, body) // the bytes as they came
		for one := range strings.FieldsSeq(r.Header.Get("Webhook-Signature")) {
			text, ok := strings.CutPrefix(one, "v1,")
			got, err := base64.StdEncoding.DecodeString(text)
			if ok && err == nil && hmac.Equal(got, mac.Sum(nil)) {
				return id, body, nil
			}
		}
	}
	return "", nil, errors.New("no signature is right")
}
