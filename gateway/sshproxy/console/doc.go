// Package console answers what people ask of the gateway itself in a command,
// `ssh GATEWAY status`: it takes the words that they typed, and gives what to show
// them and the exit status. It knows nothing of SSH, and decides nothing.
package console
