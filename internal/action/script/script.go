// Package script runs a script of the site's own, in a process of its own, with its arguments as data. With a check it
// is an action like any other; without one nobody can tell, and it is reported so.
package script

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/failure"
	"exorunner/internal/host"
)

// maxScript is far above what a person reviews.
const maxScript = 256 << 10

// Script is the action script.
type Script struct {
	Run       string         `yaml:"apply" doc:"the script that does it"`
	ApplyFile string         `yaml:"apply_file" doc:"the same, in a file on the machine that runs exorunner"`
	Test      string         `yaml:"check" doc:"a script whose last line of output is True where there is nothing to do, and False where there is"`
	CheckFile string         `yaml:"check_file" doc:"the same, in a file"`
	ReadsOnly bool           `yaml:"check_reads_only" doc:"its author says that the check changes nothing: a plan and verify may run it"`
	Arguments map[string]any `yaml:"arguments" doc:"parameters of both scripts, by name; they arrive as data"`
	Once      bool           `yaml:"once" doc:"run it once; a script or arguments that were changed are another one"`

	readOnly bool
	notes    action.Notes
	now      func() time.Time
}

// New makes an empty one.
func New(d action.Deps) any { return &Script{readOnly: d.ReadOnly, notes: d.Notes, now: time.Now} }

// Validate implements action.Validator.
func (p *Script) Validate() []action.Problem {
	switch {
	case p.Run == "" && p.ApplyFile == "":
		return []action.Problem{{Field: "apply", What: "what is to be run? give apply or apply_file"}}
	case p.Run != "" && p.ApplyFile != "":
		return []action.Problem{{Field: "apply_file", What: "apply and apply_file are two scripts: give one"}}
	case p.Test != "" && p.CheckFile != "":
		return []action.Problem{{Field: "check_file", What: "check and check_file are two scripts: give one"}}
	case p.Once && p.checks():
		return []action.Problem{{Field: "once", What: "a script with a check runs whenever the check says so: leave one of them out"}}
	case p.ReadsOnly && !p.checks():
		return []action.Problem{{Field: "check_reads_only", What: "there is no check"}}
	}
	return nil
}

func (p *Script) checks() bool { return p.Test != "" || p.CheckFile != "" }

// text is a script from the playbook or from its file.
func text(inline, path string) (string, error) {
	if path == "" {
		return inline, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", never(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	switch {
	case err != nil:
		return "", never(err)
	case len(raw) > maxScript:
		return "", unfit(path, fmt.Sprintf("over %d KiB", maxScript>>10), "name the script and not some other file")
	case !utf8.Valid(raw):
		// Letters would be lost on the way, and another script would run than the one that was reviewed.
		return "", unfit(path, "not UTF-8", "save it as UTF-8; Windows PowerShell's ISE and > write other encodings")
	}
	return strings.TrimPrefix(string(raw), "\ufeff"), nil
}

func unfit(path, what, remedy string) error {
	return &host.Error{ID: "ExrScriptFile", Class: host.Never, Message: fmt.Sprintf("script %s: %s", path, what), Remedy: remedy}
}

func never(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return unfit(p.Path, p.Err.Error(), "put the script where the playbook says it is, readable for this account")
	}
	return err
}

// Check implements action.Action.
func (p *Script) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	if p.Once {
		return p.wasRun()
	}
	if !p.checks() {
		return action.Finding{State: action.Unverifiable, Summary: "it has no check, so it runs every time"}, nil
	}
	if p.readOnly && !p.ReadsOnly {
		return action.Finding{State: action.Unverifiable, Summary: "its check is not declared check_reads_only, so it is not run here"}, nil
	}
	script, err := text(p.Test, p.CheckFile)
	if err != nil {
		return action.Finding{}, err
	}
	var res exr.ScriptResult
	if err := r.Query(ctx, exr.TestScript(script, p.Arguments), &res); err != nil {
		return action.Finding{}, fmt.Errorf("check: %w", err)
	}
	return answer(res)
}

// answer is the last line that is not empty.
func answer(res exr.ScriptResult) (action.Finding, error) {
	if err := clean(res); err != nil {
		return action.Finding{}, fmt.Errorf("check: %w", err)
	}
	said := lines(res.Lines)
	last := ""
	if len(said) > 0 {
		last = said[len(said)-1]
		said = said[:len(said)-1]
	}
	f := action.Finding{Summary: "its check says so", Before: strings.Join(said, "\n")}
	switch strings.ToLower(last) {
	case "true":
		f.After = f.Before
	case "false":
		f.State = action.Differs
	default:
		return f, &host.Error{ID: "ExrScriptAnswer", Class: host.Never, Message: fmt.Sprintf("check: its last line is %.80q", last), Remedy: "let the check end with $true or $false"}
	}
	return f, nil
}

func lines(all []string) []string {
	var kept []string
	for _, l := range all {
		if strings.TrimSpace(l) != "" {
			kept = append(kept, strings.TrimSpace(l))
		}
	}
	return kept
}

// rebootNeeded is what Windows installers end with.
const rebootNeeded = 3010

// clean: an error after which the script went on is an error all the same, and so is a program that said no.
func clean(res exr.ScriptResult) error {
	if len(res.Errors) > 0 {
		first := res.Errors[0]
		failure.Classify(&first)
		return &first
	}
	if res.Exit != nil && *res.Exit != 0 && *res.Exit != rebootNeeded {
		return &host.Error{ID: "ExrScriptStatus", Message: fmt.Sprintf("its last program ended with status %d", *res.Exit), Class: host.Never, Remedy: "look at what it said, with --verbose"}
	}
	return nil
}

// Apply implements action.Action.
func (p *Script) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	script, err := text(p.Run, p.ApplyFile)
	if err != nil {
		return action.Result{}, err
	}
	var res exr.ScriptResult
	if err := h.Invoke(ctx, exr.InvokeScript(script, p.Arguments), &res); err != nil {
		return action.Result{}, err
	}
	if err := clean(res); err != nil {
		return action.Result{}, err
	}
	if p.Once {
		key, err := p.key()
		if err != nil {
			return action.Result{}, err
		}
		if err := p.notes.Keep(key, action.Note{By: "exorunner", At: p.now().UTC()}); err != nil {
			return action.Result{}, fmt.Errorf("it ran, and its marker could not be kept: %w", err)
		}
	}
	said := lines(res.Lines)
	return action.Result{Summary: strings.Join(said[:min(len(said), 20)], "\n"), Reboot: res.Exit != nil && *res.Exit == rebootNeeded}, nil
}

// key names the script by what it is, not by where it stands.
func (p *Script) key() (string, error) {
	script, err := text(p.Run, p.ApplyFile)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal([]any{script, p.Arguments}) // maps are sorted
	sum := sha256.Sum256(raw)
	return "script-" + hex.EncodeToString(sum[:]), err
}

func (p *Script) wasRun() (action.Finding, error) {
	key, err := p.key()
	if err != nil {
		return action.Finding{}, err
	}
	note, done, err := p.notes.Note(key)
	switch {
	case err != nil:
		return action.Finding{}, err
	case done:
		return action.Finding{Summary: "ran on " + note.At.UTC().Format(time.RFC3339)}, nil
	}
	return action.Finding{State: action.Differs, Summary: "has not run yet"}, nil
}
