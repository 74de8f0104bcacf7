package portal

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// wordList is the English list of BIP-39 (MIT): 2,048 words that differ in their
// first four letters, so that they can be read out and compared.
const wordList = "text/words.txt"

const wordCount = 8

// inWords writes the first 88 bits of a digest as eight words of 11 bits each.
func inWords(digest []byte) string {
	list := strings.Fields(asset(wordList))
	var words []string
	acc, bits := uint(0), 0
	for _, b := range digest {
		acc, bits = acc<<8|uint(b), bits+8
		if bits < 11 {
			continue
		}
		bits -= 11
		words = append(words, list[acc>>bits&2047])
		acc &= 1<<bits - 1
		if len(words) == wordCount {
			break
		}
	}
	return strings.Join(words, " ")
}

// fingerprintWords writes a key's fingerprint ("SHA256:…") in words.
func fingerprintWords(fingerprint string) string {
	sum, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(fingerprint, "SHA256:"))
	if err != nil {
		return ""
	}
	return inWords(sum)
}

// keyWords writes the key of a log ("name+hash+key") in words: of the SHA-256 of the text.
func keyWords(vkey string) string {
	if vkey == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(vkey))
	return inWords(sum[:])
}
