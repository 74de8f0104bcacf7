// Package charter answers who may decide, and how that changes: admissions,
// dismissals, delegations, standing instructions, customers' settings,
// declarations and policies are motions, each in force once those whom it takes
// have signed it with their passkeys. It does not know requests and grants.
package charter
