// Package lang reads a policy from YAML files, tells every mistake with its
// file, line and column and what to write instead, runs the tests that the
// files hold, explains an answer, compares two policies, asks a new one about
// old requests, and describes and prints its language. What is decided from a
// policy is not here but in policy.
package lang
