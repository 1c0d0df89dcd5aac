package fetch

import (
	"crypto/x509"
	"time"
)

// Options are one site's. The zero value is usable: the defaults are below.
type Options struct {
	// CacheDir keeps every verified file by its hash, so that none is fetched twice. Empty keeps none. An entry shares
	// its disk space with the destination where the file system has hard links, and is hashed again before each use.
	CacheDir string
	// Hosts that may be asked, redirects and shares included: "example.com", "*.example.com" for what is below it.
	// Empty allows any, since the hash decides about the file.
	Hosts []string
	// Proxy of the site: http://host:port, with user:password@ where it asks for one; "direct" for none. Empty takes the
	// environment's (HTTPS_PROXY and so on), or else, on Windows, the account's or the machine's.
	Proxy string
	// NoProxy are the hosts that Proxy is not for, as in the variable NO_PROXY.
	NoProxy string
	// Roots are the authorities that https servers must lead to; nil takes the system's.
	Roots *x509.CertPool
	// UserAgent is how servers know us. Default exorunner.
	UserAgent string

	// MaxSize of a file in bytes. Default 4 GiB.
	MaxSize int64
	// Attempts without a new byte, and how often one answer is asked for, before a source is left. Default 8.
	Attempts int
	// WaitMin and WaitMax bound the wait between attempts, which doubles and is jittered; a server's Retry-After too.
	// Default 1 s and 2 min.
	WaitMin, WaitMax time.Duration
	// Stall is how long a server may be silent. Default 60 s.
	Stall time.Duration
	// MinRate in bytes a second, over RateWindow of waiting for the server. Default 1 KiB/s over 2 min; negative asks
	// for none.
	MinRate    int64
	RateWindow time.Duration
	// Deadline of one call. Default 2 h.
	Deadline time.Duration
	// Reserve is the disk space in bytes that stays free. Default 64 MiB; negative keeps none.
	Reserve int64
	// Checkpoint is after how many bytes a part is flushed and its record written. Default 128 MiB.
	Checkpoint int64
	// AskSize lets Plan send one HEAD request.
	AskSize bool
}

func (o Options) withDefaults() Options {
	set(&o.UserAgent, "exorunner")
	set(&o.MaxSize, 4<<30)
	set(&o.Attempts, 8)
	set(&o.WaitMin, time.Second)
	set(&o.WaitMax, max(o.WaitMin, 2*time.Minute))
	set(&o.Stall, time.Minute)
	set(&o.MinRate, 1<<10)
	set(&o.RateWindow, 2*time.Minute)
	set(&o.Deadline, 2*time.Hour)
	set(&o.Reserve, 64<<20)
	set(&o.Checkpoint, 128<<20)
	return o
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// A rate is the least that a server must give: bytes a second, over a time spent waiting for it.
type rate struct {
	bytes  int64
	window time.Duration
}

func (o Options) rate() rate { return rate{o.MinRate, o.RateWindow} }
