// Package psrepository keeps a repository of PowerShellGet registered. Registration is per account: one that an
// administrator made is not seen by the account of a service.
package psrepository

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"exorunner/internal/action"
	"exorunner/internal/exr"
	"exorunner/internal/host"
	"exorunner/internal/version"
)

// Gallery is the name that PowerShellGet reserves for its own default.
const Gallery = "PSGallery"

// leastProvider is the oldest NuGet provider that PowerShellGet works with; beside an older one it asks for it.
const leastProvider = "2.8.5.201"

// Repository is the action ps_repository.
type Repository struct {
	Repository string `yaml:"name" default:"PSGallery" doc:"the repository's name"`
	Source     string `yaml:"source" doc:"folder, share or address of the packages; needed for every repository but PSGallery"`
	Trusted    bool   `yaml:"trusted" default:"true" doc:"install from it without asking"`
}

// New makes an empty one.
func New(action.Deps) any { return &Repository{} }

// Validate implements action.Validator.
func (p *Repository) Validate() []action.Problem {
	switch gallery := strings.EqualFold(p.Repository, Gallery); {
	case gallery && p.Source != "":
		return []action.Problem{{Field: "source", What: "PSGallery's source is PowerShellGet's own: leave it out, or give the repository another name"}}
	case !gallery && p.Source == "":
		return []action.Problem{{Field: "source", What: fmt.Sprintf("repository %s needs a source", p.Repository)}}
	}
	return nil
}

// Check implements action.Action. It looks for the NuGet provider first: without it Get-PSRepository itself would ask
// for it, and fail.
func (p *Repository) Check(ctx context.Context, r host.Reader) (action.Finding, error) {
	var providers []exr.Provider
	if err := r.Query(ctx, exr.GetPackageProvider("NuGet"), &providers); err != nil {
		return action.Finding{}, err
	}
	if !slices.ContainsFunc(providers, func(p exr.Provider) bool { return version.Compare(p.Version, leastProvider) >= 0 }) {
		return action.Finding{}, action.Needs(fmt.Sprintf("the NuGet provider %s or newer is not there, and PowerShellGet cannot list repositories without it", leastProvider))
	}
	var found []exr.Repository
	if err := r.Query(ctx, exr.GetRepository(p.Repository), &found); err != nil {
		return action.Finding{}, err
	}
	after := p.describe(p.Source, p.Trusted)
	if len(found) == 0 {
		return action.Finding{State: action.Differs, Summary: "not registered for this account", Before: "none", After: after}, nil
	}
	now := found[0]
	trusted := strings.EqualFold(now.InstallationPolicy, "Trusted")
	f := action.Finding{Before: p.describe(now.SourceLocation, trusted), After: after}
	var wrong []string
	if p.Source != "" && !sameSource(now.SourceLocation, p.Source) {
		wrong = append(wrong, "its source is "+now.SourceLocation)
	}
	if trusted != p.Trusted {
		wrong = append(wrong, map[bool]string{true: "it is trusted", false: "it is not trusted"}[trusted])
	}
	if len(wrong) == 0 {
		f.After, f.Summary = f.Before, f.Before
		return f, nil
	}
	f.State, f.Summary = action.Differs, strings.Join(wrong, ", ")
	return f, nil
}

func (p *Repository) describe(source string, trusted bool) string {
	if source == "" {
		source = "its own source"
	}
	if trusted {
		return source + ", trusted"
	}
	return source + ", untrusted"
}

// sameSource compares as Windows does: case and a separator at the end do not count.
func sameSource(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, `/\`), strings.TrimRight(b, `/\`))
}

// Apply implements action.Action.
func (p *Repository) Apply(ctx context.Context, h host.Host) (action.Result, error) {
	return action.Result{}, h.Invoke(ctx, exr.SetRepository(p.Repository, p.Source, p.Trusted), nil)
}
