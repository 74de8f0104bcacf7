// Package archive holds recorder/archive against real servers on this machine:
// Azurite from npm, pinned in web/package-lock.json, and versitygw from Go
// modules, which speaks S3. It holds only tests; they need npm's and Go's
// registries the first time.
package archive
