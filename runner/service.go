package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/engine"
	"exorunner/internal/secret"
)

// serviceName is the service's in Windows and in systemd.
const serviceName = "exorunner"

type installOptions struct {
	config, account, password string
}

func newService(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "service",
		Short: "The Windows service (or systemd unit): install, uninstall, start, stop, status",
		Long: "service has the system start `exorunner serve` with the machine, and start it again if it dies.\n\n" +
			"The account should be Cloud Extender's own: repositories, certificates and proxies belong to accounts. It is given the\n" +
			"right to log on as a service, and access to the state folder. A group managed service account is written with its $\n" +
			"and has no password.\n",
	}
	o := &installOptions{}
	install := &cobra.Command{
		Use: "install", Short: "Make the service known to the system; it begins with the next start of the machine, or by service start", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.installService(cmd.Context(), o) },
	}
	install.Flags().StringVar(&o.config, "config", "", "the configuration (default: exorunner.yaml in the state folder)")
	install.Flags().StringVar(&o.account, "account", "", `DOMAIN\name, or DOMAIN\name$ for a group managed account (default: LocalSystem; root)`)
	install.Flags().StringVar(&o.password, "password", "", "reference to the account's password: env:NAME, file:PATH, wincred:TARGET, dpapi:PATH")
	c.AddCommand(install)
	for _, verb := range []struct {
		name, about, done string
		do                func(context.Context) error
	}{
		{"uninstall", "Take the service away; configuration and journal stay", "uninstalled", a.uninstallService},
		{"start", "Start the service, and see that it stays", "started", a.startService},
		{"stop", "Stop the service; a run under way ends in order and goes on at the next start", "stopped", a.stopService},
	} {
		c.AddCommand(&cobra.Command{
			Use: verb.name, Short: verb.about, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				if err := verb.do(cmd.Context()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(a.stdout, "%-12s%s\n", verb.done, serviceName)
				return err
			},
		})
	}
	config := ""
	try := &cobra.Command{
		Use: "notify", Short: "Send a test notice to every target of the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.tryTargets(cmd.Context(), config) },
	}
	try.Flags().StringVar(&config, "config", "", "the configuration (default: exorunner.yaml in the state folder)")
	c.AddCommand(try)
	c.AddCommand(&cobra.Command{
		Use: "status", Short: "Whether the system runs the service", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.serviceStatus() },
	})
	return c
}

// installService looks at everything first: a service that cannot start is found out at three in the morning.
func (a *app) installService(ctx context.Context, o *installOptions) error {
	config, err := a.configPath(o.config)
	if err != nil {
		return err
	}
	if err := accountForm(o); err != nil {
		return err
	}
	a.account = orDefault(o.account, systemAccount) // whose files it will believe
	if _, err := a.loadSite(config, true); err != nil {
		return err
	}
	password, err := o.secret(ctx)
	if err != nil {
		return err
	}
	dir, err := a.stateDir()
	if err != nil {
		return err
	}
	c, err := a.serviceConfig(config, dir, o.account, password)
	if err != nil {
		return err
	}
	if err := trusted(c.Executable, a.account); err != nil {
		return fail(engine.StatusUsage, fmt.Errorf("the program itself: %w", err))
	}
	if err := a.installAs(c, password); err != nil {
		return err
	}
	for _, w := range rights(o.account, dir) {
		fmt.Fprintf(a.stderr, "warning: %s\n", w)
	}
	fmt.Fprintf(a.stdout, "%-12s%s, as %s, with %s\n", "installed", serviceName, orDefault(o.account, "the system's own account"), config)
	fmt.Fprintf(a.stdout, "%-12sexorunner service start\n", "next")
	return nil
}

// installAs leaves nothing behind where it cannot install the whole.
func (a *app) installAs(c *service.Config, password string) error {
	if err := hasManager(); err != nil {
		return err
	}
	if state, err := queryService(); err == nil && state.installed {
		return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: is installed already", serviceName)), "exorunner service uninstall takes it away; configuration and journal stay")
	}
	s, err := service.New(nothingToDo{}, c)
	if err == nil {
		err = s.Install()
	}
	if err == nil {
		if err = afterInstall(); err != nil {
			err = errors.Join(err, s.Uninstall())
		}
	}
	if err != nil {
		return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: install: %w", serviceName, hidden(err, password))), "%s", asAdministrator)
	}
	return nil
}

const asAdministrator = "run it as an administrator (root)"

// secret resolves the password, where the account has one.
func (o *installOptions) secret(ctx context.Context) (string, error) {
	switch managed := strings.HasSuffix(o.account, "$"); {
	case o.account == "" && o.password != "":
		return "", usage("--password belongs to --account")
	case managed && o.password != "":
		return "", usage("--account %s: a group managed account has no password to give", o.account)
	case o.password == "":
		return "", nil
	}
	var ref action.Secret
	if err := ref.UnmarshalText([]byte(o.password)); err != nil {
		return "", usage("--password: %w", err)
	}
	text, err := secret.Stores{}.Resolve(ctx, ref)
	if err != nil {
		return "", fail(engine.StatusUsage, err)
	}
	return string(text), nil
}

// hidden is an error without a password that the system may have repeated in it.
func hidden(err error, password string) error {
	if password == "" || !strings.Contains(err.Error(), password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), password, secret.Hidden))
}

func orDefault(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// serviceConfig is the service as the system gets to know it. Paths are written out: a service begins in another folder.
func (a *app) serviceConfig(config, state, account, password string) (*service.Config, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	arguments := []string{"serve", "--config", config, "--state", state}
	return &service.Config{
		Name: serviceName, DisplayName: "exorunner",
		Description: "Keeps a MaaS360 Cloud Extender server on Exchange Online PowerShell V3, and proves that it works.",
		UserName:    account, Arguments: arguments, Executable: program,
		Option: service.KeyValue{
			"DelayedAutoStart": true, "Password": password,
			"OnFailure": "restart", "OnFailureDelayDuration": "1m", "OnFailureResetPeriod": 24 * 60 * 60,
			"SystemdScript": systemdUnit,
		},
	}, nil
}

// systemdUnit gives a run that is told to stop the time that it may take.
const systemdUnit = `[Unit]
Description={{Description}}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={{Path | cmdEscape}}{{range Arguments}} {{. | cmd}}{{end}}
{{if UserName}}User={{UserName}}
{{end}}Restart=always
RestartSec=60
KillMode=mixed
TimeoutStopSec=30

[Install]
WantedBy=multi-user.target
`

// nothingToDo is what the library wants of a program that only installs.
type nothingToDo struct{}

func (nothingToDo) Start(service.Service) error { return nil }
func (nothingToDo) Stop(service.Service) error  { return nil }

// A serviceState is what the system says of the service.
type serviceState struct {
	installed, running bool
	ended              bool   // neither: it is stopped, or waits for being started again
	text               string // how it is, and how it ended
}

func notInstalled() error {
	return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: not installed", serviceName)), "exorunner service install --config FILE")
}

// queried is the state of a service that is there.
func queried() (serviceState, error) {
	if err := hasManager(); err != nil {
		return serviceState{}, err
	}
	state, err := queryService()
	if err != nil {
		return state, fail(engine.StatusFailed, fmt.Errorf("service %s: %w", serviceName, err))
	}
	if !state.installed {
		return state, notInstalled()
	}
	return state, nil
}

// control has the system do something with a service that is there.
func (a *app) control(verb string) error {
	s, err := service.New(nothingToDo{}, &service.Config{Name: serviceName})
	if err == nil {
		err = service.Control(s, verb)
	}
	if err != nil {
		return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: %s: %w", serviceName, verb, err)), "%s", asAdministrator)
	}
	return nil
}

const (
	startPatience = 60 * time.Second // a large journal is read through at the start
	stopPatience  = 40 * time.Second // longer than a run that is told to stop may take
	stays         = 2 * time.Second
	askEvery      = 200 * time.Millisecond
)

// await asks until the service is as it should be, or time is up.
func await(ctx context.Context, patience time.Duration, is func(serviceState) bool) (serviceState, error) {
	for end := time.Now().Add(patience); ; time.Sleep(askEvery) {
		state, err := queried()
		if err != nil || is(state) || ctx.Err() != nil || time.Now().After(end) {
			return state, err
		}
	}
}

// startService is done when the service has been running for a moment: one that ends at once was not started.
func (a *app) startService(ctx context.Context) error {
	state, err := await(ctx, stopPatience, func(s serviceState) bool { return s.running || s.ended }) // one may be stopping still
	if err != nil || state.running {
		return err
	}
	if err := a.control("start"); err != nil {
		return err
	}
	since := time.Time{}
	state, err = await(ctx, startPatience, func(s serviceState) bool {
		if s.running && since.IsZero() {
			since = time.Now()
		}
		return s.ended || s.running && time.Since(since) >= stays
	})
	switch {
	case err != nil || state.running:
		return err
	case state.ended:
		err = fmt.Errorf("service %s: it ended as soon as it was started: %s%s", serviceName, state.text, a.lastWords())
	default:
		err = fmt.Errorf("service %s: it does not come up: %s%s", serviceName, state.text, a.lastWords())
	}
	return hinted(fail(engine.StatusFailed, err), "%s", logHint)
}

// lastWords is the last line of the service's log, where it has one.
func (a *app) lastWords() string {
	dir, err := a.stateDir()
	if err != nil {
		return ""
	}
	raw, err := os.ReadFile(filepath.Join(dir, serviceLog))
	if err != nil || len(raw) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return "; its log ends with: " + lines[len(lines)-1]
}

// stopService is done when the service has ended.
func (a *app) stopService(ctx context.Context) error {
	var refused error
	told := false
	state, err := await(ctx, stopPatience, func(s serviceState) bool {
		if !told || !s.ended { // once in any case: one that waits for being started again is to wait no more
			refused, told = stopByManager(), true
		}
		return s.ended || refused != nil
	})
	switch {
	case err != nil:
		return err
	case refused != nil:
		return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: stop: %w", serviceName, refused)), "%s", asAdministrator)
	case !state.ended:
		return fail(engine.StatusFailed, fmt.Errorf("service %s: it was told to stop and has not ended within %v: it %s", serviceName, stopPatience, state.text))
	}
	return nil
}

// uninstallService stops it first: a service that is taken away while it runs goes on, and is in the way of the next.
func (a *app) uninstallService(ctx context.Context) error {
	if err := a.stopService(ctx); err != nil {
		return err
	}
	return a.control("uninstall")
}

// serviceStatus is 0 where the service runs and 1 where it does not.
func (a *app) serviceStatus() error {
	state, err := queried()
	if err != nil {
		return err
	}
	if state.running {
		_, err := fmt.Fprintf(a.stdout, "%-12s%s; exorunner status shows what it does\n", "running", serviceName)
		return err
	}
	return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: %s", serviceName, state.text)), "exorunner service start; %s", logHint)
}
