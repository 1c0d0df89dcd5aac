package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/journal"
	"exorunner/internal/playbook"
	"exorunner/internal/secret"
)

// exoModule is Microsoft's name of ExO.
const exoModule = "ExchangeOnlineManagement"

// installedVersions is the variable that a rollback asks for: a list, the newest installation first.
const installedVersions = "installed_versions"

// brought are the variables that the machine gives: the modelled one's, and which versions of ExO this program installed
// here, for a playbook that asks. The journal is not even opened for any other.
func (a *app) brought(ctx context.Context, name string, t *target) (map[string]any, error) {
	file, err := openPlaybook(name)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(file.Data, []byte(installedVersions)) {
		return t.vars, nil
	}
	dir, err := a.journalDir(t.rehearsal)
	if err != nil {
		return nil, err
	}
	j, err := journal.OpenReader(ctx, dir)
	if errors.Is(err, os.ErrNotExist) {
		return t.vars, nil
	}
	if err != nil {
		return nil, hinted(asUsage(err), "%s", journalHint(err, t.rehearsal))
	}
	defer j.Close()
	ours, err := j.WasInstalled(ctx, hostName(t), exoModule)
	if err != nil || len(ours) == 0 {
		return t.vars, asUsage(err)
	}
	vars := maps.Clone(t.vars)
	if vars == nil {
		vars = map[string]any{}
	}
	var versions []any
	for _, v := range slices.Backward(ours) {
		versions = append(versions, v.Version)
	}
	vars[installedVersions] = versions
	return vars, nil
}

// wanted are the variables of a playbook that somebody has to give: without a value, and not brought by the machine. It
// is never nil.
func wanted(book *playbook.Playbook) []string {
	return slices.DeleteFunc(append([]string{}, book.Missing...), func(name string) bool { return name == installedVersions })
}

// notInstalledHint says why a rollback does not know what to roll back.
func notInstalledHint(err error) error {
	if errs, ok := asErrors(err); ok {
		for _, e := range errs {
			if strings.Contains(e.What, "vars."+installedVersions+" has no value") {
				return hinted(err, "the journal knows of no version of %s that exorunner installed here and did not take away again; exorunner history shows what it did", exoModule)
			}
		}
	}
	return err
}

// keep is what remembers the secrets of a run, to hide them, and what resolves them. A service has one for all runs: a
// secret of yesterday's must not show in today's log.
func (a *app) keep(from action.Secrets) (*secret.Keeper, action.Secrets) {
	if a.keeper == nil {
		k := &secret.Keeper{From: from}
		return k, k
	}
	return a.keeper, sharedSecrets{a.keeper, from}
}

type storeKey struct{}

// sharedSecrets resolves in its own stores and lets a shared keeper remember.
type sharedSecrets struct {
	keeper *secret.Keeper
	from   action.Secrets
}

func (s sharedSecrets) Resolve(ctx context.Context, ref action.Secret) ([]byte, error) {
	return s.keeper.Resolve(context.WithValue(ctx, storeKey{}, s.from), ref)
}

// newSharedKeeper makes what sharedSecrets share.
func newSharedKeeper() *secret.Keeper { return &secret.Keeper{From: storesOfContext{}} }

type storesOfContext struct{}

func (storesOfContext) Resolve(ctx context.Context, ref action.Secret) ([]byte, error) {
	return ctx.Value(storeKey{}).(action.Secrets).Resolve(ctx, ref)
}
