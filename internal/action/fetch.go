package action

import (
	"context"
	"io"
)

// An Artifact is a file that is to be on the machine, named by its SHA-256.
type Artifact struct {
	Name   string
	Path   string // where it is staged; of the machine
	URLs   []string
	SHA256 string
	Size   int64 // 0 where it is not known
	// AllowPlain lets http:// in; the hash decides about the file all the same.
	AllowPlain bool
	// Authorization is sent to the hosts of the https addresses and no others; nil sends none.
	Authorization []byte
	// Subject and Issuer are of the signer's certificate, Version of the file itself; empty asks for none.
	Subject, Issuer string
	Version         string
	Hosts           []string // that may be asked; none: any
	Proxy           string
}

// A Staging is where an artifact stands.
type Staging struct {
	State    string // staged, cached, fetched
	Size     int64  // bytes; -1 unknown
	Resume   int64  // bytes that are there from an earlier attempt
	From     string // without user and query
	Replaces string // SHA-256 of another file at that path
}

// A Fetcher brings files to the machine. Its errors are *host.Error somewhere in their chain.
type Fetcher interface {
	// Look says what Stage would do, and writes nothing. It asks beyond the machine only where that is allowed.
	Look(ctx context.Context, a Artifact) (Staging, error)
	// Stage puts the file in its place, whole and verified, or leaves what was there. A plan's refuses.
	Stage(ctx context.Context, a Artifact) (Staging, error)
	// Hold verifies the staged file again and keeps it from being changed, as far as the system can, until Close.
	Hold(ctx context.Context, a Artifact) (io.Closer, error)
}
