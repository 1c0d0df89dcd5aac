package action

import "regexp"

var thumbprint = regexp.MustCompile(`^[0-9A-Fa-f]{40}$`)

// IsThumbprint says whether a text is the SHA-1 of a certificate, as Windows shows it. What is copied from certlm.msc
// begins with a mark that nobody sees (U+200E), and finds nothing.
func IsThumbprint(s string) bool { return thumbprint.MatchString(s) }

// NoThumbprint is what is wrong with a text that is none.
const NoThumbprint = "no thumbprint: 40 hexadecimal digits and nothing else; where all are there, a text copied from certlm.msc may carry a mark that nobody sees: type its first digit anew"
