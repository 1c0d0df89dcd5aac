package host

import "errors"

// A Class says whether trying again can help.
type Class string

const (
	// Unknown errors get one more attempt in a new process and no other.
	Unknown Class = ""
	// Transient errors pass by themselves: back off and try again.
	Transient Class = "transient"
	// OnceMore errors may be gone in a new process: once more in one.
	OnceMore Class = "fresh"
	// Never errors stay until a person has done what the remedy says.
	Never Class = "never"
	// Fine errors are none: what was asked for is so.
	Fine Class = "fine"
)

// An Error is what PowerShell itself reported (an ErrorRecord), or a finding of ours in the same form. The machine
// answered; its state is known.
type Error struct {
	ID          string `json:"id"` // FullyQualifiedErrorId
	Category    string `json:"category,omitempty"`
	Message     string `json:"message"`
	Exception   string `json:"exception,omitempty"`
	Root        string `json:"root,omitempty"` // the innermost exception
	RootMessage string `json:"rootMessage,omitempty"`
	HResult     int64  `json:"hresult,omitempty"`
	Target      string `json:"target,omitempty"`
	Stack       string `json:"stack,omitempty"`

	// Rule, Class and Remedy are package failure's, or the finder's own.
	Rule   string `json:"-"` // of the catalogue: I06
	Class  Class  `json:"-"`
	Remedy string `json:"-"` // what a person does next
}

func (e *Error) Error() string {
	if e.ID == "" || e.ID == e.Message {
		return e.Message
	}
	return e.Message + " (" + e.ID + ")"
}

// As finds the *Error in a chain; nil if there is none.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
